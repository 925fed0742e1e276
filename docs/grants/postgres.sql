-- Two roles of least privilege on PostgreSQL, for the demo's tables. Run as the owner of the raw tables, in the database:
--
--     psql -v ON_ERROR_STOP=1 --single-transaction -f docs/grants/postgres.sql
--
-- basemodel_writer  builds the dbt models and runs the stages. Reads the raw columns listed here and no other; owns the
--                   schemas it builds; writes nothing in raw.
-- basemodel_reader  notebooks and dashboards. Reads behavior, tasks, marts and answers; writes nothing anywhere.
--
-- No passwords stand here: set them apart (\password basemodel_writer), or let pg_hba.conf ask for certificates.
-- For another project, replace the schemas and the lists of raw columns.

create role basemodel_writer login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
create role basemodel_reader login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;

-- What every role has by default, nobody keeps: tables in public, temporary tables.
revoke all on schema public from public;
do $$ begin execute format('revoke all on database %I from public', current_database()); end $$;
do $$ begin
    execute format('grant connect on database %I to basemodel_writer, basemodel_reader', current_database());
end $$;

-- The models write the type `double`, which PostgreSQL spells otherwise; the writer may use it and make nothing there.
do $$ begin
    if to_regtype('public.double') is null then
        create domain public.double as double precision;
    end if;
end $$;
grant usage on schema public to basemodel_writer;

-- Schemas that dbt and the stages build in. The writer owns them, and cannot make others.
create schema staging authorization basemodel_writer;
create schema behavior authorization basemodel_writer;
create schema tasks authorization basemodel_writer;
create schema audiences authorization basemodel_writer;
create schema marts authorization basemodel_writer;
create schema basemodel authorization basemodel_writer;

-- Raw columns, by name: a column that is added later, or left out here because it is personal, cannot be read. A staging
-- model over a table with such a column names its columns where it imports the table: `select *` asks for all.
revoke all on all tables in schema raw from public;
grant usage on schema raw to basemodel_writer;
grant select (
    household_id, store_id, basket_id, product_id, quantity, sales_value, retail_disc, coupon_disc, coupon_match_disc,
    week, transaction_timestamp
) on raw.transactions to basemodel_writer;
grant select (household_id, coupon_upc, campaign_id, redemption_date) on raw.coupon_redemptions to basemodel_writer;
grant select (campaign_id, household_id) on raw.campaigns to basemodel_writer;
grant select (campaign_id, campaign_type, start_date, end_date) on raw.campaign_descriptions to basemodel_writer;
grant select (
    product_id, manufacturer_id, department, brand, product_category, product_type, package_size
) on raw.products to basemodel_writer;
grant select (
    household_id, age, income, home_ownership, marital_status, household_size, household_comp, kids_count
) on raw.demographics to basemodel_writer;

-- Everything the writer builds from now on, the reader may read; staging is nobody else's, as it is next to raw.
grant usage on schema behavior, tasks, marts, basemodel to basemodel_reader;
alter default privileges for role basemodel_writer in schema behavior grant select on tables to basemodel_reader;
alter default privileges for role basemodel_writer in schema tasks grant select on tables to basemodel_reader;
alter default privileges for role basemodel_writer in schema marts grant select on tables to basemodel_reader;
alter default privileges for role basemodel_writer in schema basemodel grant select on tables to basemodel_reader;
