-- The same two roles on Snowflake, for the demo's tables in the database SHOP. Not run against a real account yet.
-- Run as a role with MANAGE GRANTS and CREATE ROLE, after replacing SHOP (database) and COMPUTE (warehouse).
--
-- BASEMODEL_WRITER  builds the dbt models and runs the stages. Personal raw columns are null to it.
-- BASEMODEL_READER  notebooks and dashboards. Reads behavior, tasks, marts and answers; writes nothing.
--
-- Users log in with a key pair (SNOWFLAKE_PRIVATE_KEY_PATH); no password stands here.

create role if not exists basemodel_writer;
create role if not exists basemodel_reader;
grant usage on warehouse compute to role basemodel_writer;
grant usage on warehouse compute to role basemodel_reader;
grant usage on database shop to role basemodel_writer;
grant usage on database shop to role basemodel_reader;

-- Schemas that dbt and the stages build in. The writer owns them, and cannot make others.
create schema if not exists shop.staging;
create schema if not exists shop.behavior;
create schema if not exists shop.tasks;
create schema if not exists shop.audiences;
create schema if not exists shop.marts;
create schema if not exists shop.basemodel;
grant ownership on schema shop.staging to role basemodel_writer;
grant ownership on schema shop.behavior to role basemodel_writer;
grant ownership on schema shop.tasks to role basemodel_writer;
grant ownership on schema shop.audiences to role basemodel_writer;
grant ownership on schema shop.marts to role basemodel_writer;
grant ownership on schema shop.basemodel to role basemodel_writer;

-- Raw tables. Snowflake grants tables, not columns: a personal column carries a masking policy (Enterprise edition), which
-- shows null to every role but the one named in it. Without that edition, grant a secure view that lacks the column, and
-- let the dbt source name the view.
grant usage on schema shop.raw to role basemodel_writer;
grant select on table shop.raw.transactions to role basemodel_writer;
grant select on table shop.raw.coupon_redemptions to role basemodel_writer;
grant select on table shop.raw.campaigns to role basemodel_writer;
grant select on table shop.raw.campaign_descriptions to role basemodel_writer;
grant select on table shop.raw.products to role basemodel_writer;
grant select on table shop.raw.demographics to role basemodel_writer;
create masking policy if not exists shop.raw.withheld_text as (value varchar) returns varchar ->
    case when is_role_in_session('PRIVACY_OFFICER') then value end;
-- For each personal column, for example:
-- alter table shop.raw.demographics modify column email set masking policy shop.raw.withheld_text;

-- Everything the writer builds from now on, the reader may read.
grant usage on schema shop.behavior to role basemodel_reader;
grant usage on schema shop.tasks to role basemodel_reader;
grant usage on schema shop.marts to role basemodel_reader;
grant usage on schema shop.basemodel to role basemodel_reader;
grant select on future tables in schema shop.behavior to role basemodel_reader;
grant select on future tables in schema shop.tasks to role basemodel_reader;
grant select on future tables in schema shop.marts to role basemodel_reader;
grant select on future tables in schema shop.basemodel to role basemodel_reader;
grant select on future views in schema shop.behavior to role basemodel_reader;
grant select on future views in schema shop.tasks to role basemodel_reader;
grant select on future views in schema shop.marts to role basemodel_reader;
