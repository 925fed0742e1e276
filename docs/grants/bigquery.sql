-- The same two roles on BigQuery, for the demo's tables in the project SHOP and the location EU. Not run there yet. Run as
-- an owner of the project, after replacing SHOP, EU and the two accounts.
--
-- writer  builds the dbt models and runs the stages. Reads raw; owns nothing else than the datasets it builds in.
-- reader  notebooks and dashboards. Reads behavior, tasks, marts and answers; writes nothing.
--
-- Both need to run jobs in the project, which is no grant in SQL; the writer reads results by the Storage Read API too:
--
--     gcloud projects add-iam-policy-binding SHOP --role=roles/bigquery.jobUser \
--         --member=serviceAccount:writer@SHOP.iam.gserviceaccount.com
--     gcloud projects add-iam-policy-binding SHOP --role=roles/bigquery.jobUser \
--         --member=serviceAccount:reader@SHOP.iam.gserviceaccount.com
--     gcloud projects add-iam-policy-binding SHOP --role=roles/bigquery.readSessionUser \
--         --member=serviceAccount:writer@SHOP.iam.gserviceaccount.com
--
-- A session, which a transaction needs, is a job like any other. No keys stand here: GOOGLE_APPLICATION_CREDENTIALS names a
-- file, or the machine's own account is used.

-- Datasets that dbt and the stages build in. The writer fills them, and cannot make others.
create schema if not exists shop.staging options (location = 'EU');
create schema if not exists shop.behavior options (location = 'EU');
create schema if not exists shop.tasks options (location = 'EU');
create schema if not exists shop.audiences options (location = 'EU');
create schema if not exists shop.marts options (location = 'EU');
create schema if not exists shop.basemodel options (location = 'EU');
grant `roles/bigquery.dataEditor` on schema shop.staging to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataEditor` on schema shop.behavior to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataEditor` on schema shop.tasks to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataEditor` on schema shop.audiences to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataEditor` on schema shop.marts to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataEditor` on schema shop.basemodel to 'serviceAccount:writer@shop.iam.gserviceaccount.com';

-- Raw tables, one by one. BigQuery grants tables, not columns: a personal column carries a policy tag, whose readers are
-- named in Data Catalog, or stays out of a view in a dataset that is authorised to read raw.
grant `roles/bigquery.dataViewer` on table shop.raw.transactions to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table shop.raw.coupon_redemptions
    to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table shop.raw.campaigns to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table shop.raw.campaign_descriptions
    to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table shop.raw.products to 'serviceAccount:writer@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table shop.raw.demographics to 'serviceAccount:writer@shop.iam.gserviceaccount.com';

-- What the writer builds, the reader may read.
grant `roles/bigquery.dataViewer` on schema shop.behavior to 'serviceAccount:reader@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on schema shop.tasks to 'serviceAccount:reader@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on schema shop.marts to 'serviceAccount:reader@shop.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on schema shop.basemodel to 'serviceAccount:reader@shop.iam.gserviceaccount.com';
