"""A hook of MkDocs: documents outside `docs/` become pages of the site, and links between them stay whole."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "README.md",
    "ARCHITECTURE.md": "ARCHITECTURE.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "docker/README.md": "docker.md",
}
"""Document of the repository -> page of the site."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Lead links to pages of the site; what is no page of it stands as plain text."""
    source = Path(page.file.src_uri)  # pyright: ignore[reportAttributeAccessIssue]
    outside = {page: Path(source) for source, page in PAGES.items()}
    folder = outside.get(str(source), Path("docs") / source).parent

    def led(found: re.Match[str]) -> str:
        picture, text, target, anchor = found.groups()
        if re.match(r"[a-z]+:", target):
            return found.group()
        path = (ROOT / folder / target).resolve()
        named = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        if path.is_dir() and (path / "README.md").exists():
            named = f"{named}/README.md"
        uri = PAGES.get(named, named.removeprefix("docs/"))
        if files.get_file_from_path(uri) is None:
            return text if path.exists() else found.group()
        up = "../" * (len(source.parts) - 1)
        return f"{picture}[{text}]({up}{uri}{anchor or ''})"

    return LINK.sub(led, markdown)
