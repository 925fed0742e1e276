{# Lines of `user item item …` in the order of time, without times. Sequences are laid side by side at their ends, an
   item a day: the last item of every user stands on the last day, the one before it on the day before. #}
with lines as (
    select
        string_split(line, ' ')[1] as user_id,
        string_split(line, ' ')[2:] as items
    from read_csv(
        '{{ env_var("BASEMODEL_AMAZON") }}/{{ category() }}.txt',
        columns = {'line': 'varchar'}, delim = '\t', header = false, quote = '', escape = '' -- noqa: LT01
    )
),

reviews as (
    select
        user_id,
        unnest(items) as item_id,
        generate_subscripts(items, 1) as place,
        len(items) as items_in_all
    from lines
),

final as (
    select
        user_id,
        item_id,
        timestamp '2014-07-23' - to_days(cast(items_in_all - place as integer)) as reviewed_at
    from reviews
)

select * from final
