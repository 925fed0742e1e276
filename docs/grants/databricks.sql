-- The same two roles on Databricks, for the demo's tables in the catalog SHOP of Unity Catalog. Not run there yet. Run as
-- the owner of the catalog, after replacing SHOP; the groups are made in the account console, service principals join them.
--
-- basemodel_writer  builds the dbt models and runs the stages. Reads the raw tables listed here; writes nothing in raw.
-- basemodel_reader  notebooks and dashboards. Reads behavior, tasks, marts and answers; writes nothing.
--
-- Both need CAN USE on the SQL warehouse, which is no grant in SQL. No tokens stand here: DATABRICKS_TOKEN or
-- DATABRICKS_TOKEN_FILE is set where it runs.

grant use catalog on catalog shop to `basemodel_writer`;
grant use catalog on catalog shop to `basemodel_reader`;

-- Schemas that dbt and the stages build in. The writer fills them, and cannot make others. Rows pass through a volume.
create schema if not exists shop.staging;
create schema if not exists shop.behavior;
create schema if not exists shop.tasks;
create schema if not exists shop.audiences;
create schema if not exists shop.marts;
create schema if not exists shop.basemodel;
grant use schema, create table, select, modify on schema shop.staging to `basemodel_writer`;
grant use schema, create table, select, modify on schema shop.behavior to `basemodel_writer`;
grant use schema, create table, select, modify on schema shop.tasks to `basemodel_writer`;
grant use schema, create table, select, modify on schema shop.audiences to `basemodel_writer`;
grant use schema, create table, select, modify on schema shop.marts to `basemodel_writer`;
grant use schema, create table, select, modify on schema shop.basemodel to `basemodel_writer`;
grant create volume, read volume, write volume on schema shop.basemodel to `basemodel_writer`;

-- Raw tables. Unity Catalog grants tables, not columns: a personal column carries a mask, which shows null to all but one
-- group, for example
--     create function shop.raw.withheld(value string) return case when is_account_group_member('privacy') then value end;
--     alter table shop.raw.demographics alter column email set mask shop.raw.withheld;
grant use schema on schema shop.raw to `basemodel_writer`;
grant select on table shop.raw.transactions to `basemodel_writer`;
grant select on table shop.raw.coupon_redemptions to `basemodel_writer`;
grant select on table shop.raw.campaigns to `basemodel_writer`;
grant select on table shop.raw.campaign_descriptions to `basemodel_writer`;
grant select on table shop.raw.products to `basemodel_writer`;
grant select on table shop.raw.demographics to `basemodel_writer`;

-- What the writer builds, the reader may read.
grant use schema, select on schema shop.behavior to `basemodel_reader`;
grant use schema, select on schema shop.tasks to `basemodel_reader`;
grant use schema, select on schema shop.marts to `basemodel_reader`;
grant use schema, select on schema shop.basemodel to `basemodel_reader`;
