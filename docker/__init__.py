"""The image: how it is built, and what is looked at before anyone uses it. Needs nothing but Python itself."""
