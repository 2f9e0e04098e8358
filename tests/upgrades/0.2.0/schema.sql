CREATE SCHEMA {schema};
CREATE TABLE {schema}._received_at (
    collection text NOT NULL,
    received_at timestamp with time zone NOT NULL
);
CREATE TABLE {schema}._sources (
    collection text NOT NULL,
    source text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE {schema}._sync_runs (
    run_id uuid NOT NULL,
    collection text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_unchanged bigint NOT NULL,
    rows_marked_deleted bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    bookmark jsonb,
    tap_run_id text
);
COMMENT ON TABLE {schema}._sync_runs IS 'What each run of target-sfwarehouse did, a row for each stream';
COMMENT ON COLUMN {schema}._sync_runs.run_id IS 'The run; the same as in _rejected';
COMMENT ON COLUMN {schema}._sync_runs.collection IS 'The stream';
COMMENT ON COLUMN {schema}._sync_runs.started_at IS 'When the run met the stream';
COMMENT ON COLUMN {schema}._sync_runs.ended_at IS 'When the run ended; NULL while it runs, or if it was killed';
COMMENT ON COLUMN {schema}._sync_runs.rows_inserted IS 'New rows';
COMMENT ON COLUMN {schema}._sync_runs.rows_updated IS 'Rows of which a value changed';
COMMENT ON COLUMN {schema}._sync_runs.rows_unchanged IS 'Records that changed nothing';
COMMENT ON COLUMN {schema}._sync_runs.rows_marked_deleted IS 'Rows that were there and became deleted';
COMMENT ON COLUMN {schema}._sync_runs.rows_rejected IS 'Records in _rejected';
COMMENT ON COLUMN {schema}._sync_runs.bookmark IS 'How far the stream was read, in brief; to go on from, use the STATE';
COMMENT ON COLUMN {schema}._sync_runs.tap_run_id IS 'The tap''s run: run_id of its reports';
CREATE TABLE {schema}.sync_reports (
    id text NOT NULL,
    run_id text,
    org_id text,
    collection text,
    object text,
    status text,
    error_code text,
    error_message text,
    notices jsonb,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    rows bigint,
    deletions bigint,
    partial_rows bigint,
    reader text,
    api_calls bigint,
    api_calls_left bigint,
    new_columns jsonb,
    vanished_columns jsonb,
    bookmark text,
    lag_seconds numeric,
    tap_version text,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.sync_reports IS 'Record of each run';
COMMENT ON COLUMN {schema}.sync_reports.id IS 'run_id of the run''s own row, run_id/collection of a collection''s';
COMMENT ON COLUMN {schema}.sync_reports.run_id IS 'The run of the tap';
COMMENT ON COLUMN {schema}.sync_reports.org_id IS 'Id of the org; NULL before a login has told it';
COMMENT ON COLUMN {schema}.sync_reports.collection IS 'The stream; NULL in the run''s own row';
COMMENT ON COLUMN {schema}.sync_reports.object IS 'API name of the object';
COMMENT ON COLUMN {schema}.sync_reports.status IS 'success, partial, failed or skipped';
COMMENT ON COLUMN {schema}.sync_reports.error_code IS 'Salesforce''s errorCode, or the kind of error';
COMMENT ON COLUMN {schema}.sync_reports.error_message IS 'What went wrong and what to do, or why the collection is skipped';
COMMENT ON COLUMN {schema}.sync_reports.notices IS 'Remarks of the summary; in the run''s row the warnings of its log';
COMMENT ON COLUMN {schema}.sync_reports.started_at IS 'By the org''s clock, where it has told the time';
COMMENT ON COLUMN {schema}.sync_reports.finished_at IS 'By the org''s clock, where it has told the time';
COMMENT ON COLUMN {schema}.sync_reports.rows IS 'Rows read with all of their columns';
COMMENT ON COLUMN {schema}.sync_reports.deletions IS 'Rows that Salesforce''s deletion log, or without it the recycle bin, shows as deleted';
COMMENT ON COLUMN {schema}.sync_reports.partial_rows IS 'Rows read with some columns only: new columns, formulas, sweeps';
COMMENT ON COLUMN {schema}.sync_reports.reader IS 'REST or Bulk';
COMMENT ON COLUMN {schema}.sync_reports.api_calls IS 'API calls: the collection''s own, or all of the run';
COMMENT ON COLUMN {schema}.sync_reports.api_calls_left IS 'Calls left of the org''s day; in the run''s row';
COMMENT ON COLUMN {schema}.sync_reports.new_columns IS 'Columns that earlier rows did not have';
COMMENT ON COLUMN {schema}.sync_reports.vanished_columns IS 'Columns that earlier rows had: gone, hidden or deselected';
COMMENT ON COLUMN {schema}.sync_reports.bookmark IS 'Every change before it has been read; in the run''s row the oldest of its collections';
COMMENT ON COLUMN {schema}.sync_reports.lag_seconds IS 'finished_at minus bookmark';
COMMENT ON COLUMN {schema}.sync_reports.tap_version IS 'Version of the tap';
COMMENT ON COLUMN {schema}.sync_reports.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.sync_reports.uuid_ts IS 'The same as received_at';
CREATE VIEW {schema}._sync_status AS
 WITH loads AS (
         SELECT DISTINCT ON (_sync_runs.tap_run_id, _sync_runs.collection) _sync_runs.tap_run_id,
            _sync_runs.collection,
            _sync_runs.ended_at AS loaded_at,
            _sync_runs.rows_inserted,
            _sync_runs.rows_updated,
            _sync_runs.rows_unchanged,
            _sync_runs.rows_marked_deleted,
            _sync_runs.rows_rejected
           FROM {schema}._sync_runs
          WHERE (_sync_runs.tap_run_id IS NOT NULL)
          ORDER BY _sync_runs.tap_run_id, _sync_runs.collection, _sync_runs.ended_at DESC NULLS LAST
        ), totals AS (
         SELECT loads.tap_run_id,
            max(loads.loaded_at) AS loaded_at,
            (sum(loads.rows_inserted))::bigint AS rows_inserted,
            (sum(loads.rows_updated))::bigint AS rows_updated,
            (sum(loads.rows_unchanged))::bigint AS rows_unchanged,
            (sum(loads.rows_marked_deleted))::bigint AS rows_marked_deleted,
            (sum(loads.rows_rejected))::bigint AS rows_rejected
           FROM loads
          WHERE (loads.collection <> 'sync_reports'::text)
          GROUP BY loads.tap_run_id
        ), told AS (
         SELECT loads.tap_run_id,
            loads.collection,
            loads.loaded_at,
            loads.rows_inserted,
            loads.rows_updated,
            loads.rows_unchanged,
            loads.rows_marked_deleted,
            loads.rows_rejected
           FROM loads
        UNION ALL
         SELECT totals.tap_run_id,
            NULL::text,
            totals.loaded_at,
            totals.rows_inserted,
            totals.rows_updated,
            totals.rows_unchanged,
            totals.rows_marked_deleted,
            totals.rows_rejected
           FROM totals
        )
 SELECT r.id,
    r.run_id,
    r.org_id,
    r.collection,
    r.object,
    r.status,
    r.error_code,
    r.error_message,
    r.notices,
    r.started_at,
    r.finished_at,
    r.rows,
    r.deletions,
    r.partial_rows,
    r.reader,
    r.api_calls,
    r.api_calls_left,
    r.new_columns,
    r.vanished_columns,
    r.bookmark,
    r.lag_seconds,
    r.tap_version,
    t.loaded_at,
    t.rows_inserted,
    t.rows_updated,
    t.rows_unchanged,
    t.rows_marked_deleted,
    t.rows_rejected
   FROM ({schema}.sync_reports r
     LEFT JOIN told t ON (((t.tap_run_id = r.run_id) AND (NOT (t.collection IS DISTINCT FROM r.collection)))));
CREATE TABLE {schema}.accounts (
    id text NOT NULL,
    is_deleted boolean DEFAULT false,
    master_record_id text,
    name text,
    type text,
    record_type_id text,
    parent_id text,
    billing_street text,
    billing_city text,
    billing_state text,
    billing_postal_code text,
    billing_country text,
    billing_latitude numeric,
    billing_longitude numeric,
    billing_geocode_accuracy text,
    shipping_street text,
    shipping_city text,
    shipping_state text,
    shipping_postal_code text,
    shipping_country text,
    shipping_latitude numeric,
    shipping_longitude numeric,
    shipping_geocode_accuracy text,
    phone text,
    fax text,
    account_number text,
    website text,
    photo_url text,
    sic text,
    industry text,
    annual_revenue numeric,
    number_of_employees bigint,
    ownership text,
    ticker_symbol text,
    description text,
    rating text,
    site text,
    owner_id text,
    created_date timestamp with time zone,
    created_by_id text,
    last_modified_date timestamp with time zone,
    last_modified_by_id text,
    system_modstamp timestamp with time zone,
    last_activity_date date,
    last_viewed_date timestamp with time zone,
    last_referenced_date timestamp with time zone,
    is_partner boolean,
    is_customer_portal boolean,
    channel_program_name text,
    channel_program_level_name text,
    jigsaw text,
    jigsaw_company_id text,
    clean_status text,
    account_source text,
    duns_number text,
    tradestyle text,
    naics_code text,
    naics_desc text,
    year_started text,
    sic_desc text,
    dandb_company_id text,
    operating_hours_id text,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.accounts IS 'Account (Account)';
COMMENT ON COLUMN {schema}.accounts.id IS 'Account ID (Id)';
COMMENT ON COLUMN {schema}.accounts.is_deleted IS 'Deleted (IsDeleted)';
COMMENT ON COLUMN {schema}.accounts.master_record_id IS 'Master Record ID (MasterRecordId); references {schema}.accounts';
COMMENT ON COLUMN {schema}.accounts.name IS 'Name (Name)';
COMMENT ON COLUMN {schema}.accounts.type IS 'Type (Type)';
COMMENT ON COLUMN {schema}.accounts.record_type_id IS 'Record Type ID (RecordTypeId)';
COMMENT ON COLUMN {schema}.accounts.parent_id IS 'Parent ID (ParentId); references {schema}.accounts';
COMMENT ON COLUMN {schema}.accounts.billing_street IS 'Billing Street (BillingStreet)';
COMMENT ON COLUMN {schema}.accounts.billing_city IS 'Billing City (BillingCity)';
COMMENT ON COLUMN {schema}.accounts.billing_state IS 'Billing State (BillingState)';
COMMENT ON COLUMN {schema}.accounts.billing_postal_code IS 'Billing Postal Code (BillingPostalCode)';
COMMENT ON COLUMN {schema}.accounts.billing_country IS 'Billing Country (BillingCountry)';
COMMENT ON COLUMN {schema}.accounts.billing_latitude IS 'Billing Latitude (BillingLatitude)';
COMMENT ON COLUMN {schema}.accounts.billing_longitude IS 'Billing Longitude (BillingLongitude)';
COMMENT ON COLUMN {schema}.accounts.billing_geocode_accuracy IS 'Billing Geocode Accuracy (BillingGeocodeAccuracy)';
COMMENT ON COLUMN {schema}.accounts.shipping_street IS 'Shipping Street (ShippingStreet)';
COMMENT ON COLUMN {schema}.accounts.shipping_city IS 'Shipping City (ShippingCity)';
COMMENT ON COLUMN {schema}.accounts.shipping_state IS 'Shipping State (ShippingState)';
COMMENT ON COLUMN {schema}.accounts.shipping_postal_code IS 'Shipping Postal Code (ShippingPostalCode)';
COMMENT ON COLUMN {schema}.accounts.shipping_country IS 'Shipping Country (ShippingCountry)';
COMMENT ON COLUMN {schema}.accounts.shipping_latitude IS 'Shipping Latitude (ShippingLatitude)';
COMMENT ON COLUMN {schema}.accounts.shipping_longitude IS 'Shipping Longitude (ShippingLongitude)';
COMMENT ON COLUMN {schema}.accounts.shipping_geocode_accuracy IS 'Shipping Geocode Accuracy (ShippingGeocodeAccuracy)';
COMMENT ON COLUMN {schema}.accounts.phone IS 'Phone (Phone)';
COMMENT ON COLUMN {schema}.accounts.fax IS 'Fax (Fax)';
COMMENT ON COLUMN {schema}.accounts.account_number IS 'Account Number (AccountNumber)';
COMMENT ON COLUMN {schema}.accounts.website IS 'Website (Website)';
COMMENT ON COLUMN {schema}.accounts.photo_url IS 'Photo Url (PhotoUrl)';
COMMENT ON COLUMN {schema}.accounts.sic IS 'Sic (Sic)';
COMMENT ON COLUMN {schema}.accounts.industry IS 'Industry (Industry)';
COMMENT ON COLUMN {schema}.accounts.annual_revenue IS 'Annual Revenue (AnnualRevenue)';
COMMENT ON COLUMN {schema}.accounts.number_of_employees IS 'Number Of Employees (NumberOfEmployees)';
COMMENT ON COLUMN {schema}.accounts.ownership IS 'Ownership (Ownership)';
COMMENT ON COLUMN {schema}.accounts.ticker_symbol IS 'Ticker Symbol (TickerSymbol)';
COMMENT ON COLUMN {schema}.accounts.description IS 'Description (Description)';
COMMENT ON COLUMN {schema}.accounts.rating IS 'Rating (Rating)';
COMMENT ON COLUMN {schema}.accounts.site IS 'Site (Site)';
COMMENT ON COLUMN {schema}.accounts.owner_id IS 'Owner ID (OwnerId); references {schema}.users';
COMMENT ON COLUMN {schema}.accounts.created_date IS 'Created Date (CreatedDate)';
COMMENT ON COLUMN {schema}.accounts.created_by_id IS 'Created By ID (CreatedById); references {schema}.users';
COMMENT ON COLUMN {schema}.accounts.last_modified_date IS 'Last Modified Date (LastModifiedDate)';
COMMENT ON COLUMN {schema}.accounts.last_modified_by_id IS 'Last Modified By ID (LastModifiedById); references {schema}.users';
COMMENT ON COLUMN {schema}.accounts.system_modstamp IS 'System Modstamp (SystemModstamp)';
COMMENT ON COLUMN {schema}.accounts.last_activity_date IS 'Last Activity Date (LastActivityDate)';
COMMENT ON COLUMN {schema}.accounts.last_viewed_date IS 'Last Viewed Date (LastViewedDate)';
COMMENT ON COLUMN {schema}.accounts.last_referenced_date IS 'Last Referenced Date (LastReferencedDate)';
COMMENT ON COLUMN {schema}.accounts.is_partner IS 'Is Partner (IsPartner)';
COMMENT ON COLUMN {schema}.accounts.is_customer_portal IS 'Is Customer Portal (IsCustomerPortal)';
COMMENT ON COLUMN {schema}.accounts.channel_program_name IS 'Channel Program Name (ChannelProgramName)';
COMMENT ON COLUMN {schema}.accounts.channel_program_level_name IS 'Channel Program Level Name (ChannelProgramLevelName)';
COMMENT ON COLUMN {schema}.accounts.jigsaw IS 'Jigsaw (Jigsaw)';
COMMENT ON COLUMN {schema}.accounts.jigsaw_company_id IS 'Jigsaw Company ID (JigsawCompanyId)';
COMMENT ON COLUMN {schema}.accounts.clean_status IS 'Clean Status (CleanStatus)';
COMMENT ON COLUMN {schema}.accounts.account_source IS 'Account Source (AccountSource)';
COMMENT ON COLUMN {schema}.accounts.duns_number IS 'Duns Number (DunsNumber)';
COMMENT ON COLUMN {schema}.accounts.tradestyle IS 'Tradestyle (Tradestyle)';
COMMENT ON COLUMN {schema}.accounts.naics_code IS 'Naics Code (NaicsCode)';
COMMENT ON COLUMN {schema}.accounts.naics_desc IS 'Naics Desc (NaicsDesc)';
COMMENT ON COLUMN {schema}.accounts.year_started IS 'Year Started (YearStarted)';
COMMENT ON COLUMN {schema}.accounts.sic_desc IS 'Sic Desc (SicDesc)';
COMMENT ON COLUMN {schema}.accounts.dandb_company_id IS 'Dandb Company ID (DandbCompanyId)';
COMMENT ON COLUMN {schema}.accounts.operating_hours_id IS 'Operating Hours ID (OperatingHoursId)';
COMMENT ON COLUMN {schema}.accounts.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.accounts.uuid_ts IS 'The same as received_at';
CREATE TABLE {schema}.campaign_shares (
    id text NOT NULL,
    campaign_id text,
    user_or_group_id text,
    campaign_access_level text,
    row_cause text,
    last_modified_date timestamp with time zone,
    last_modified_by_id text,
    is_deleted boolean DEFAULT false,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.campaign_shares IS 'Campaign Share (CampaignShare)';
COMMENT ON COLUMN {schema}.campaign_shares.id IS 'Campaign Share ID (Id)';
COMMENT ON COLUMN {schema}.campaign_shares.campaign_id IS 'Campaign ID (CampaignId); references {schema}.campaigns';
COMMENT ON COLUMN {schema}.campaign_shares.user_or_group_id IS 'User Or Group ID (UserOrGroupId); references {schema}._group, {schema}.users';
COMMENT ON COLUMN {schema}.campaign_shares.campaign_access_level IS 'Campaign Access Level (CampaignAccessLevel)';
COMMENT ON COLUMN {schema}.campaign_shares.row_cause IS 'Row Cause (RowCause)';
COMMENT ON COLUMN {schema}.campaign_shares.last_modified_date IS 'Last Modified Date (LastModifiedDate)';
COMMENT ON COLUMN {schema}.campaign_shares.last_modified_by_id IS 'Last Modified By ID (LastModifiedById); references {schema}.users';
COMMENT ON COLUMN {schema}.campaign_shares.is_deleted IS 'Deleted (IsDeleted)';
COMMENT ON COLUMN {schema}.campaign_shares.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.campaign_shares.uuid_ts IS 'The same as received_at';
CREATE TABLE {schema}.contacts (
    id text NOT NULL,
    is_deleted boolean DEFAULT false,
    master_record_id text,
    account_id text,
    last_name text,
    first_name text,
    salutation text,
    name text,
    other_street text,
    other_city text,
    other_state text,
    other_postal_code text,
    other_country text,
    other_latitude numeric,
    other_longitude numeric,
    other_geocode_accuracy text,
    mailing_street text,
    mailing_city text,
    mailing_state text,
    mailing_postal_code text,
    mailing_country text,
    mailing_latitude numeric,
    mailing_longitude numeric,
    mailing_geocode_accuracy text,
    phone text,
    fax text,
    mobile_phone text,
    home_phone text,
    other_phone text,
    assistant_phone text,
    reports_to_id text,
    email text,
    title text,
    department text,
    assistant_name text,
    lead_source text,
    birthdate date,
    description text,
    owner_id text,
    created_date timestamp with time zone,
    created_by_id text,
    last_modified_date timestamp with time zone,
    last_modified_by_id text,
    system_modstamp timestamp with time zone,
    last_activity_date date,
    last_curequest_date timestamp with time zone,
    last_cuupdate_date timestamp with time zone,
    last_viewed_date timestamp with time zone,
    last_referenced_date timestamp with time zone,
    email_bounced_reason text,
    email_bounced_date timestamp with time zone,
    is_email_bounced boolean,
    photo_url text,
    jigsaw text,
    jigsaw_contact_id text,
    clean_status text,
    individual_id text,
    is_priority_record boolean,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.contacts IS 'Contact (Contact)';
COMMENT ON COLUMN {schema}.contacts.id IS 'Contact ID (Id)';
COMMENT ON COLUMN {schema}.contacts.is_deleted IS 'Deleted (IsDeleted)';
COMMENT ON COLUMN {schema}.contacts.master_record_id IS 'Master Record ID (MasterRecordId); references {schema}.contacts';
COMMENT ON COLUMN {schema}.contacts.account_id IS 'Account ID (AccountId); references {schema}.accounts';
COMMENT ON COLUMN {schema}.contacts.last_name IS 'Last Name (LastName)';
COMMENT ON COLUMN {schema}.contacts.first_name IS 'First Name (FirstName)';
COMMENT ON COLUMN {schema}.contacts.salutation IS 'Salutation (Salutation)';
COMMENT ON COLUMN {schema}.contacts.name IS 'Name (Name)';
COMMENT ON COLUMN {schema}.contacts.other_street IS 'Other Street (OtherStreet)';
COMMENT ON COLUMN {schema}.contacts.other_city IS 'Other City (OtherCity)';
COMMENT ON COLUMN {schema}.contacts.other_state IS 'Other State (OtherState)';
COMMENT ON COLUMN {schema}.contacts.other_postal_code IS 'Other Postal Code (OtherPostalCode)';
COMMENT ON COLUMN {schema}.contacts.other_country IS 'Other Country (OtherCountry)';
COMMENT ON COLUMN {schema}.contacts.other_latitude IS 'Other Latitude (OtherLatitude)';
COMMENT ON COLUMN {schema}.contacts.other_longitude IS 'Other Longitude (OtherLongitude)';
COMMENT ON COLUMN {schema}.contacts.other_geocode_accuracy IS 'Other Geocode Accuracy (OtherGeocodeAccuracy)';
COMMENT ON COLUMN {schema}.contacts.mailing_street IS 'Mailing Street (MailingStreet)';
COMMENT ON COLUMN {schema}.contacts.mailing_city IS 'Mailing City (MailingCity)';
COMMENT ON COLUMN {schema}.contacts.mailing_state IS 'Mailing State (MailingState)';
COMMENT ON COLUMN {schema}.contacts.mailing_postal_code IS 'Mailing Postal Code (MailingPostalCode)';
COMMENT ON COLUMN {schema}.contacts.mailing_country IS 'Mailing Country (MailingCountry)';
COMMENT ON COLUMN {schema}.contacts.mailing_latitude IS 'Mailing Latitude (MailingLatitude)';
COMMENT ON COLUMN {schema}.contacts.mailing_longitude IS 'Mailing Longitude (MailingLongitude)';
COMMENT ON COLUMN {schema}.contacts.mailing_geocode_accuracy IS 'Mailing Geocode Accuracy (MailingGeocodeAccuracy)';
COMMENT ON COLUMN {schema}.contacts.phone IS 'Phone (Phone)';
COMMENT ON COLUMN {schema}.contacts.fax IS 'Fax (Fax)';
COMMENT ON COLUMN {schema}.contacts.mobile_phone IS 'Mobile Phone (MobilePhone)';
COMMENT ON COLUMN {schema}.contacts.home_phone IS 'Home Phone (HomePhone)';
COMMENT ON COLUMN {schema}.contacts.other_phone IS 'Other Phone (OtherPhone)';
COMMENT ON COLUMN {schema}.contacts.assistant_phone IS 'Assistant Phone (AssistantPhone)';
COMMENT ON COLUMN {schema}.contacts.reports_to_id IS 'Reports To ID (ReportsToId); references {schema}.contacts';
COMMENT ON COLUMN {schema}.contacts.email IS 'Email (Email)';
COMMENT ON COLUMN {schema}.contacts.title IS 'Title (Title)';
COMMENT ON COLUMN {schema}.contacts.department IS 'Department (Department)';
COMMENT ON COLUMN {schema}.contacts.assistant_name IS 'Assistant Name (AssistantName)';
COMMENT ON COLUMN {schema}.contacts.lead_source IS 'Lead Source (LeadSource)';
COMMENT ON COLUMN {schema}.contacts.birthdate IS 'Birthdate (Birthdate)';
COMMENT ON COLUMN {schema}.contacts.description IS 'Description (Description)';
COMMENT ON COLUMN {schema}.contacts.owner_id IS 'Owner ID (OwnerId); references {schema}.users';
COMMENT ON COLUMN {schema}.contacts.created_date IS 'Created Date (CreatedDate)';
COMMENT ON COLUMN {schema}.contacts.created_by_id IS 'Created By ID (CreatedById); references {schema}.users';
COMMENT ON COLUMN {schema}.contacts.last_modified_date IS 'Last Modified Date (LastModifiedDate)';
COMMENT ON COLUMN {schema}.contacts.last_modified_by_id IS 'Last Modified By ID (LastModifiedById); references {schema}.users';
COMMENT ON COLUMN {schema}.contacts.system_modstamp IS 'System Modstamp (SystemModstamp)';
COMMENT ON COLUMN {schema}.contacts.last_activity_date IS 'Last Activity Date (LastActivityDate)';
COMMENT ON COLUMN {schema}.contacts.last_curequest_date IS 'Last CU Request Date (LastCURequestDate)';
COMMENT ON COLUMN {schema}.contacts.last_cuupdate_date IS 'Last CU Update Date (LastCUUpdateDate)';
COMMENT ON COLUMN {schema}.contacts.last_viewed_date IS 'Last Viewed Date (LastViewedDate)';
COMMENT ON COLUMN {schema}.contacts.last_referenced_date IS 'Last Referenced Date (LastReferencedDate)';
COMMENT ON COLUMN {schema}.contacts.email_bounced_reason IS 'Email Bounced Reason (EmailBouncedReason)';
COMMENT ON COLUMN {schema}.contacts.email_bounced_date IS 'Email Bounced Date (EmailBouncedDate)';
COMMENT ON COLUMN {schema}.contacts.is_email_bounced IS 'Is Email Bounced (IsEmailBounced)';
COMMENT ON COLUMN {schema}.contacts.photo_url IS 'Photo Url (PhotoUrl)';
COMMENT ON COLUMN {schema}.contacts.jigsaw IS 'Jigsaw (Jigsaw)';
COMMENT ON COLUMN {schema}.contacts.jigsaw_contact_id IS 'Jigsaw Contact ID (JigsawContactId)';
COMMENT ON COLUMN {schema}.contacts.clean_status IS 'Clean Status (CleanStatus)';
COMMENT ON COLUMN {schema}.contacts.individual_id IS 'Individual ID (IndividualId)';
COMMENT ON COLUMN {schema}.contacts.is_priority_record IS 'Important (IsPriorityRecord)';
COMMENT ON COLUMN {schema}.contacts.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.contacts.uuid_ts IS 'The same as received_at';
CREATE TABLE {schema}.invoice_c (
    id text NOT NULL,
    owner_id text,
    is_deleted boolean DEFAULT false,
    name text,
    created_date timestamp with time zone,
    created_by_id text,
    last_modified_date timestamp with time zone,
    last_modified_by_id text,
    system_modstamp timestamp with time zone,
    amount_c numeric,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.invoice_c IS 'Invoice (Invoice__c)';
COMMENT ON COLUMN {schema}.invoice_c.id IS 'Record ID (Id)';
COMMENT ON COLUMN {schema}.invoice_c.owner_id IS 'Owner ID (OwnerId); references {schema}._group, {schema}.users';
COMMENT ON COLUMN {schema}.invoice_c.is_deleted IS 'Deleted (IsDeleted)';
COMMENT ON COLUMN {schema}.invoice_c.name IS 'Name (Name)';
COMMENT ON COLUMN {schema}.invoice_c.created_date IS 'Created Date (CreatedDate)';
COMMENT ON COLUMN {schema}.invoice_c.created_by_id IS 'Created By Id (CreatedById); references {schema}.users';
COMMENT ON COLUMN {schema}.invoice_c.last_modified_date IS 'Last Modified Date (LastModifiedDate)';
COMMENT ON COLUMN {schema}.invoice_c.last_modified_by_id IS 'Last Modified By Id (LastModifiedById); references {schema}.users';
COMMENT ON COLUMN {schema}.invoice_c.system_modstamp IS 'System Modstamp (SystemModstamp)';
COMMENT ON COLUMN {schema}.invoice_c.amount_c IS 'Amount (Amount__c)';
COMMENT ON COLUMN {schema}.invoice_c.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.invoice_c.uuid_ts IS 'The same as received_at';
CREATE TABLE {schema}.names (
    id text NOT NULL,
    name text,
    last_name text,
    first_name text,
    type text,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.names IS 'Name (Name)';
COMMENT ON COLUMN {schema}.names.id IS 'Name ID (Id)';
COMMENT ON COLUMN {schema}.names.name IS 'Name (Name)';
COMMENT ON COLUMN {schema}.names.last_name IS 'Last Name (LastName)';
COMMENT ON COLUMN {schema}.names.first_name IS 'First Name (FirstName)';
COMMENT ON COLUMN {schema}.names.type IS 'Type (Type)';
COMMENT ON COLUMN {schema}.names.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.names.uuid_ts IS 'The same as received_at';
CREATE TABLE {schema}.tasks (
    id text NOT NULL,
    who_id text,
    what_id text,
    subject text,
    activity_date date,
    status text,
    priority text,
    is_high_priority boolean,
    owner_id text,
    description text,
    is_deleted boolean DEFAULT false,
    account_id text,
    is_closed boolean,
    created_date timestamp with time zone,
    created_by_id text,
    last_modified_date timestamp with time zone,
    last_modified_by_id text,
    system_modstamp timestamp with time zone,
    is_archived boolean,
    call_duration_in_seconds bigint,
    call_type text,
    call_disposition text,
    call_object text,
    reminder_date_time timestamp with time zone,
    is_reminder_set boolean,
    recurrence_activity_id text,
    is_recurrence boolean,
    recurrence_start_date_only date,
    recurrence_end_date_only date,
    recurrence_time_zone_sid_key text,
    recurrence_type text,
    recurrence_interval bigint,
    recurrence_day_of_week_mask bigint,
    recurrence_day_of_month bigint,
    recurrence_instance text,
    recurrence_month_of_year text,
    recurrence_regenerated_type text,
    task_subtype text,
    completed_date_time timestamp with time zone,
    received_at timestamp with time zone DEFAULT now(),
    uuid_ts timestamp with time zone DEFAULT now()
);
COMMENT ON TABLE {schema}.tasks IS 'Task (Task)';
COMMENT ON COLUMN {schema}.tasks.id IS 'Task ID (Id)';
COMMENT ON COLUMN {schema}.tasks.who_id IS 'Who ID (WhoId); references {schema}.contacts, {schema}.leads';
COMMENT ON COLUMN {schema}.tasks.what_id IS 'What ID (WhatId); references {schema}.accounts, {schema}.campaigns, {schema}.cases, {schema}.contracts, {schema}.opportunities, {schema}.products, {schema}.solutions';
COMMENT ON COLUMN {schema}.tasks.subject IS 'Subject (Subject)';
COMMENT ON COLUMN {schema}.tasks.activity_date IS 'Activity Date (ActivityDate)';
COMMENT ON COLUMN {schema}.tasks.status IS 'Status (Status)';
COMMENT ON COLUMN {schema}.tasks.priority IS 'Priority (Priority)';
COMMENT ON COLUMN {schema}.tasks.is_high_priority IS 'Is High Priority (IsHighPriority)';
COMMENT ON COLUMN {schema}.tasks.owner_id IS 'Owner ID (OwnerId); references {schema}._group, {schema}.users';
COMMENT ON COLUMN {schema}.tasks.description IS 'Description (Description)';
COMMENT ON COLUMN {schema}.tasks.is_deleted IS 'Deleted (IsDeleted)';
COMMENT ON COLUMN {schema}.tasks.account_id IS 'Account ID (AccountId); references {schema}.accounts';
COMMENT ON COLUMN {schema}.tasks.is_closed IS 'Is Closed (IsClosed)';
COMMENT ON COLUMN {schema}.tasks.created_date IS 'Created Date (CreatedDate)';
COMMENT ON COLUMN {schema}.tasks.created_by_id IS 'Created By ID (CreatedById); references {schema}.users';
COMMENT ON COLUMN {schema}.tasks.last_modified_date IS 'Last Modified Date (LastModifiedDate)';
COMMENT ON COLUMN {schema}.tasks.last_modified_by_id IS 'Last Modified By ID (LastModifiedById); references {schema}.users';
COMMENT ON COLUMN {schema}.tasks.system_modstamp IS 'System Modstamp (SystemModstamp)';
COMMENT ON COLUMN {schema}.tasks.is_archived IS 'Is Archived (IsArchived)';
COMMENT ON COLUMN {schema}.tasks.call_duration_in_seconds IS 'Call Duration In Seconds (CallDurationInSeconds)';
COMMENT ON COLUMN {schema}.tasks.call_type IS 'Call Type (CallType)';
COMMENT ON COLUMN {schema}.tasks.call_disposition IS 'Call Disposition (CallDisposition)';
COMMENT ON COLUMN {schema}.tasks.call_object IS 'Call Object (CallObject)';
COMMENT ON COLUMN {schema}.tasks.reminder_date_time IS 'Reminder Date Time (ReminderDateTime)';
COMMENT ON COLUMN {schema}.tasks.is_reminder_set IS 'Is Reminder Set (IsReminderSet)';
COMMENT ON COLUMN {schema}.tasks.recurrence_activity_id IS 'Recurrence Activity ID (RecurrenceActivityId); references {schema}.tasks';
COMMENT ON COLUMN {schema}.tasks.is_recurrence IS 'Is Recurrence (IsRecurrence)';
COMMENT ON COLUMN {schema}.tasks.recurrence_start_date_only IS 'Recurrence Start Date Only (RecurrenceStartDateOnly)';
COMMENT ON COLUMN {schema}.tasks.recurrence_end_date_only IS 'Recurrence End Date Only (RecurrenceEndDateOnly)';
COMMENT ON COLUMN {schema}.tasks.recurrence_time_zone_sid_key IS 'Recurrence Time Zone Sid Key (RecurrenceTimeZoneSidKey)';
COMMENT ON COLUMN {schema}.tasks.recurrence_type IS 'Recurrence Type (RecurrenceType)';
COMMENT ON COLUMN {schema}.tasks.recurrence_interval IS 'Recurrence Interval (RecurrenceInterval)';
COMMENT ON COLUMN {schema}.tasks.recurrence_day_of_week_mask IS 'Recurrence Day Of Week Mask (RecurrenceDayOfWeekMask)';
COMMENT ON COLUMN {schema}.tasks.recurrence_day_of_month IS 'Recurrence Day Of Month (RecurrenceDayOfMonth)';
COMMENT ON COLUMN {schema}.tasks.recurrence_instance IS 'Recurrence Instance (RecurrenceInstance)';
COMMENT ON COLUMN {schema}.tasks.recurrence_month_of_year IS 'Recurrence Month Of Year (RecurrenceMonthOfYear)';
COMMENT ON COLUMN {schema}.tasks.recurrence_regenerated_type IS 'Recurrence Regenerated Type (RecurrenceRegeneratedType)';
COMMENT ON COLUMN {schema}.tasks.task_subtype IS 'Task Subtype (TaskSubtype)';
COMMENT ON COLUMN {schema}.tasks.completed_date_time IS 'Completed Date Time (CompletedDateTime)';
COMMENT ON COLUMN {schema}.tasks.received_at IS 'When this row was inserted or last changed here';
COMMENT ON COLUMN {schema}.tasks.uuid_ts IS 'The same as received_at';
INSERT INTO {schema}._received_at VALUES ('accounts', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}._received_at VALUES ('contacts', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}._received_at VALUES ('invoice_c', '2026-12-01 04:52:43.696352+00');
INSERT INTO {schema}._received_at VALUES ('names', '2026-12-01 04:52:43.731281+00');
INSERT INTO {schema}._received_at VALUES ('sync_reports', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}._received_at VALUES ('tasks', '2026-12-01 04:52:43.776828+00');
INSERT INTO {schema}._sources VALUES ('accounts', 'salesforce:00DHs0000000001', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}._sources VALUES ('contacts', 'salesforce:00DHs0000000001', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}._sources VALUES ('invoice_c', 'salesforce:00DHs0000000001', '2026-12-01 04:52:43.696352+00');
INSERT INTO {schema}._sources VALUES ('names', 'salesforce:00DHs0000000001', '2026-12-01 04:52:43.707274+00');
INSERT INTO {schema}._sources VALUES ('tasks', 'salesforce:00DHs0000000001', '2026-12-01 04:52:43.776828+00');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'accounts', '2026-12-01 04:52:43.37555+00', '2026-12-01 04:52:43.784803+00', 6, 0, 0, 0, 0, '{"org": "00DHs0000000001", "key_prefix": "001", "start_date": null, "refreshed_at": "2026-03-02T10:00:30Z", "deleted_until": "2026-03-02T10:00:00Z", "replication_key": "system_modstamp", "replication_key_value": "2026-03-02T10:00:00Z"}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'contacts', '2026-12-01 04:52:43.679233+00', '2026-12-01 04:52:43.784803+00', 7, 0, 0, 0, 0, '{"org": "00DHs0000000001", "key_prefix": "003", "start_date": null, "refreshed_at": "2026-03-02T10:00:30Z", "deleted_until": "2026-03-02T10:00:00Z", "replication_key": "system_modstamp", "replication_key_value": "2026-03-02T10:00:00Z"}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'invoice_c', '2026-12-01 04:52:43.695114+00', '2026-12-01 04:52:43.784803+00', 1, 0, 0, 0, 0, '{"org": "00DHs0000000001", "names": "-AtH39AbMntqQdoWb7ZngqNTi4SKlqxOpWFFvCMA", "api_name": "Invoice__c", "key_prefix": "a00", "properties": "1aO3hb5rsoiIGdO-FhN_zWHxRsX8Y4YeTD5Zamfh7Fg2BodNg6zZdUmBaPmDoH5KmDq4XebauJvneszGbEpJ", "start_date": null, "refreshed_at": "2026-03-02T10:00:30Z", "deleted_until": "2026-03-02T10:00:00Z", "replication_key": "system_modstamp", "replication_key_value": "2026-03-02T10:00:00Z"}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'names', '2026-12-01 04:52:43.705543+00', '2026-12-01 04:52:43.784803+00', 3, 0, 0, 0, 0, '{}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'sync_reports', '2026-12-01 04:52:43.762181+00', '2026-12-01 04:52:43.784803+00', 6, 0, 0, 0, 0, NULL, 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'tasks', '2026-12-01 04:52:43.729198+00', '2026-12-01 04:52:43.784803+00', 1, 0, 0, 0, 0, '{"org": "00DHs0000000001", "key_prefix": "00T", "start_date": null, "refreshed_at": "2026-03-02T10:00:30Z", "deleted_until": "2026-03-02T10:00:00Z", "replication_key": "system_modstamp", "replication_key_value": "2026-03-02T10:00:00Z"}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}._sync_runs VALUES ('0a0ea386-67f3-4bbf-abe3-b296d00012be', 'campaign_shares', '2026-12-01 04:52:43.660743+00', '2026-12-01 04:52:43.784803+00', 0, 0, 0, 0, 0, '{"org": "00DHs0000000001", "names": "-AtH39Ab4Bh3VEB0pWFFqn6ZrF5EvCMA", "key_prefix": "08s", "properties": "05gI5L6EdRLgGdO-FhVo4H67ZRiOuMg2BodNmbEzrToOB58WuJvnesw-BvL-xbWa2NzGbEpJ", "start_date": null, "refreshed_at": "2026-03-02T10:00:30Z", "replication_key": "last_modified_date", "replication_key_value": "2026-03-02T09:50:30Z"}', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000001IAA', false, NULL, 'Account 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000002IAA', false, NULL, 'Account 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000003IAA', false, NULL, 'Account 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000004IAA', false, NULL, 'Account 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000005IAA', false, NULL, 'Account 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 4.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.accounts VALUES ('001Hs0000000006IAA', true, NULL, 'Account 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 5.25, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-12-01 04:52:43.58556+00', '2026-12-01 04:52:43.58556+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000001IAA', false, NULL, '001Hs0000000001IAA', 'Contact 0', NULL, NULL, 'Contact 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000002IAA', false, NULL, '001Hs0000000002IAA', 'Contact 1', NULL, NULL, 'Contact 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000003IAA', false, NULL, '001Hs0000000003IAA', 'Contact 2', NULL, NULL, 'Contact 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000004IAA', false, NULL, '001Hs0000000004IAA', 'Contact 3', NULL, NULL, 'Contact 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000005IAA', false, NULL, '001Hs0000000005IAA', 'Contact 4', NULL, NULL, 'Contact 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000006IAA', true, NULL, '001Hs0000000006IAA', 'Contact 5', NULL, NULL, 'Contact 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.contacts VALUES ('003Hs0000000007IAA', false, NULL, NULL, 'Lovelace', NULL, NULL, 'Lovelace', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'ada@example.com', NULL, NULL, NULL, NULL, NULL, NULL, '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, false, '2026-12-01 04:52:43.681233+00', '2026-12-01 04:52:43.681233+00');
INSERT INTO {schema}.invoice_c VALUES ('a00Hs0000000001IAA', '005Hs0000000001IAA', false, '1', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', 12.5, '2026-12-01 04:52:43.696352+00', '2026-12-01 04:52:43.696352+00');
INSERT INTO {schema}.names VALUES ('005Hs0000000001IAA', 'Admin', 'Admin', NULL, 'User', '2026-12-01 04:52:43.707274+00', '2026-12-01 04:52:43.707274+00');
INSERT INTO {schema}.names VALUES ('003Hs0000000007IAA', 'Lovelace', 'Lovelace', NULL, 'Contact', '2026-12-01 04:52:43.731281+00', '2026-12-01 04:52:43.731281+00');
INSERT INTO {schema}.names VALUES ('001Hs0000000001IAA', 'Account 0', NULL, NULL, 'Account', '2026-12-01 04:52:43.731281+00', '2026-12-01 04:52:43.731281+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47/accounts', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', 'accounts', 'Account', 'success', NULL, NULL, '[]', '2026-03-02 10:00:29+00', '2026-03-02 10:00:30+00', 6, 0, 0, 'REST', 0, NULL, '[]', '[]', '2026-03-02T10:00:00Z', 30, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47/contacts', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', 'contacts', 'Contact', 'success', NULL, NULL, '[]', '2026-03-02 10:00:30+00', '2026-03-02 10:00:30+00', 7, 0, 0, 'REST', 0, NULL, '[]', '[]', '2026-03-02T10:00:00Z', 30, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47/invoice_c', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', 'invoice_c', 'Invoice__c', 'success', NULL, NULL, '[]', '2026-03-02 10:00:30+00', '2026-03-02 10:00:30+00', 1, 0, 0, 'REST', 0, NULL, '[]', '[]', '2026-03-02T10:00:00Z', 30, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47/names', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', 'names', 'Name', 'success', NULL, NULL, '[]', '2026-03-02 10:00:29+00', '2026-03-02 10:00:29+00', 3, 0, 0, 'REST', 0, NULL, '[]', '[]', NULL, NULL, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47/tasks', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', 'tasks', 'Task', 'success', NULL, NULL, '[]', '2026-03-02 10:00:30+00', '2026-03-02 10:00:30+00', 1, 0, 0, 'REST', 0, NULL, '[]', '[]', '2026-03-02T10:00:00Z', 30, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.sync_reports VALUES ('cdc99d6e-23ca-43d7-a120-abb7b71f6f47', 'cdc99d6e-23ca-43d7-a120-abb7b71f6f47', '00DHs0000000001', NULL, NULL, 'success', NULL, NULL, '[]', '2026-03-02 10:00:29+00', '2026-03-02 10:00:30+00', 18, 0, 0, NULL, 3, 99997, NULL, NULL, '2026-03-02T09:50:30Z', 600, '0.2.1.dev882+g3c73df983', '2026-12-01 04:52:43.774477+00', '2026-12-01 04:52:43.774477+00');
INSERT INTO {schema}.tasks VALUES ('00THs0000000001MAA', '003Hs0000000007IAA', '001Hs0000000001IAA', 'Call', NULL, 'Not Started', 'Normal', false, '005Hs0000000001IAA', NULL, false, NULL, false, '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', '005Hs0000000001IAA', '2026-03-02 09:00:30+00', false, NULL, NULL, NULL, NULL, NULL, false, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Task', NULL, '2026-12-01 04:52:43.776828+00', '2026-12-01 04:52:43.776828+00');
ALTER TABLE ONLY {schema}._received_at
    ADD CONSTRAINT _received_at_pkey PRIMARY KEY (collection);
ALTER TABLE ONLY {schema}._sources
    ADD CONSTRAINT _sources_pkey PRIMARY KEY (collection);
ALTER TABLE ONLY {schema}._sync_runs
    ADD CONSTRAINT _sync_runs_pkey PRIMARY KEY (run_id, collection);
ALTER TABLE ONLY {schema}.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.campaign_shares
    ADD CONSTRAINT campaign_shares_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.invoice_c
    ADD CONSTRAINT invoice_c_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.names
    ADD CONSTRAINT names_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.sync_reports
    ADD CONSTRAINT sync_reports_pkey PRIMARY KEY (id);
ALTER TABLE ONLY {schema}.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);
