{# Ids of an item's attributes: first the brand, then its categories from the widest to the narrowest. #}
with entries as (
    select unnest(map_entries(cast(json as map(varchar, varchar[])))) as entry -- noqa: LT01
    from read_json_objects(
        '{{ env_var("BASEMODEL_AMAZON") }}/{{ category() }}_item2attributes.json'
    )
),

final as (
    select
        entry.key as item_id,
        entry.value as attributes
    from entries
)

select * from final
