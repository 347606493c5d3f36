//! People, sessions, memberships, roles, invitations, keys, identity providers.
//!
//! Tables of persons belong to no organization: somebody may be a member of several.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, flag, index, int, json, maybe_json, maybe_text, maybe_time, partial_index, primary_key,
    table, text, time, unique,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        for statement in [
            user_account(c),
            session(c),
            one_time_token(c),
            sign_in_failure(),
            role(c),
            membership(c),
            invitation(c),
            api_key(c),
            identity_provider(c),
            user_identity(c),
            sign_in_flow(c),
        ] {
            manager.create_table(statement).await?;
        }
        for statement in [
            partial_index("session", "session_user_idx", &["user_id", "id"], "revoked_at_ms is null"),
            index("session", "session_expiry_idx", &["expires_at_ms"]),
            index("one_time_token", "one_time_token_expiry_idx", &["expires_at_ms"]),
            index("membership", "membership_user_idx", &["user_id", "id"]),
            index("membership", "membership_role_idx", &["organization_id", "role_id"]),
            index("invitation", "invitation_organization_idx", &["organization_id", "id"]),
            index("api_key", "api_key_organization_idx", &["organization_id", "id"]),
            index("identity_provider", "identity_provider_organization_idx", &["organization_id", "id"]),
            index("sign_in_flow", "sign_in_flow_expiry_idx", &["expires_at_ms"]),
        ] {
            manager.create_index(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            "sign_in_flow",
            "user_identity",
            "identity_provider",
            "api_key",
            "invitation",
            "membership",
            "role",
            "sign_in_failure",
            "one_time_token",
            "session",
            "user_account",
        ];
        drop_tables(manager, &tables).await
    }
}

fn user_account(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        // As it is compared: trimmed and in lower case. Service accounts have none.
        maybe_text("email"),
        maybe_time("email_verified_at_ms"),
        text("display_name"),
        // `person` or `service`.
        text("kind"),
        // PHC string of argon2id; absent for those who sign in elsewhere.
        maybe_text("password_hash"),
        maybe_time("password_changed_at_ms"),
        flag("is_active"),
        text("time_zone"),
        json("preferences"),
        time("created_at_ms"),
        maybe_time("last_seen_at_ms"),
    ];
    table("user_account", columns)
        .primary_key(&mut primary_key("user_account_pkey", &["id"]))
        .index(&mut unique("user_account_email_key", &["email"]))
        .check(("user_account_kind_check", Expr::cust("kind in ('person', 'service')")))
        .take()
}

fn session(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("user_id"),
        // Where the session is now.
        c.maybe_uuid("organization_id"),
        // Number of the refresh token that counts. One with a smaller number that comes again was stolen.
        int("generation"),
        maybe_text("user_agent"),
        maybe_text("remote_address"),
        time("created_at_ms"),
        time("last_seen_at_ms"),
        time("expires_at_ms"),
        maybe_time("revoked_at_ms"),
        maybe_text("revoked_reason"),
    ];
    table("session", columns).primary_key(&mut primary_key("session_pkey", &["id"])).take()
}

fn one_time_token(c: Columns) -> TableCreateStatement {
    let columns = [
        // SHA-256 of the token, in hexadecimal digits.
        text("token_hash"),
        // `verify_email`, `reset_password`, `bootstrap`.
        text("purpose"),
        c.maybe_uuid("user_id"),
        // The address that it proves, when it proves one.
        maybe_text("email"),
        time("created_at_ms"),
        time("expires_at_ms"),
        maybe_time("used_at_ms"),
    ];
    table("one_time_token", columns).primary_key(&mut primary_key("one_time_token_pkey", &["token_hash"])).take()
}

/// Failed attempts by account and by address, known or not: what is guessed at is slowed down.
fn sign_in_failure() -> TableCreateStatement {
    let columns = [
        // Keyed digest of what was tried, such as `account:…` or `address:…`.
        text("subject"),
        int("failures"),
        time("first_at_ms"),
        time("last_at_ms"),
    ];
    table("sign_in_failure", columns).primary_key(&mut primary_key("sign_in_failure_pkey", &["subject"])).take()
}

fn role(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("name"),
        maybe_text("description"),
        json("permissions"),
        // JSON list of workflow folders; everywhere when absent.
        maybe_json("folders"),
        int("revision"),
        time("created_at_ms"),
        time("updated_at_ms"),
    ];
    table("role", columns)
        .primary_key(&mut primary_key("role_pkey", &["id"]))
        .index(&mut unique("role_name_key", &["organization_id", "name"]))
        .take()
}

fn membership(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        c.uuid("user_id"),
        // A row of `role`, or one of the built-in roles, which have ids of their own.
        c.uuid("role_id"),
        maybe_text("invited_by"),
        time("joined_at_ms"),
    ];
    table("membership", columns)
        .primary_key(&mut primary_key("membership_pkey", &["id"]))
        .index(&mut unique("membership_user_key", &["organization_id", "user_id"]))
        .take()
}

fn invitation(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("email"),
        c.uuid("role_id"),
        text("token_hash"),
        text("invited_by"),
        time("created_at_ms"),
        time("expires_at_ms"),
        maybe_time("accepted_at_ms"),
    ];
    table("invitation", columns)
        .primary_key(&mut primary_key("invitation_pkey", &["id"]))
        .index(&mut unique("invitation_token_key", &["token_hash"]))
        .take()
}

fn api_key(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("display_name"),
        // `api_key` or `agent`.
        text("kind"),
        // First characters, to recognise it.
        text("prefix"),
        // SHA-256 of the key, in hexadecimal digits: 256 random bits need no slow hash.
        text("token_hash"),
        json("permissions"),
        maybe_json("folders"),
        // JSON list of addresses and networks; from anywhere when absent.
        maybe_json("allowed_addresses"),
        // Whose rights bound those of the key at the time of use.
        c.uuid("on_behalf_of"),
        text("created_by"),
        time("created_at_ms"),
        maybe_time("expires_at_ms"),
        maybe_time("last_used_at_ms"),
        maybe_text("last_used_from"),
        maybe_time("revoked_at_ms"),
        maybe_text("revoked_reason"),
    ];
    table("api_key", columns)
        .primary_key(&mut primary_key("api_key_pkey", &["id"]))
        .index(&mut unique("api_key_token_key", &["token_hash"]))
        .take()
}

fn identity_provider(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("id"),
        c.uuid("organization_id"),
        text("name"),
        text("issuer"),
        text("client_id"),
        // Encrypted with the key of the installation.
        maybe_text("client_secret"),
        json("role_mapping"),
        flag("is_enabled"),
        time("created_at_ms"),
        time("updated_at_ms"),
    ];
    table("identity_provider", columns).primary_key(&mut primary_key("identity_provider_pkey", &["id"])).take()
}

/// Who somebody is at an identity provider: by its subject, never by an address alone.
fn user_identity(c: Columns) -> TableCreateStatement {
    let columns = [c.uuid("provider_id"), text("subject"), c.uuid("user_id"), time("created_at_ms")];
    table("user_identity", columns)
        .primary_key(&mut primary_key("user_identity_pkey", &["provider_id", "subject"]))
        .take()
}

/// A sign-in at an identity provider that has begun.
fn sign_in_flow(c: Columns) -> TableCreateStatement {
    let columns = [
        // SHA-256 of the state, in hexadecimal digits.
        text("state_hash"),
        c.uuid("provider_id"),
        text("nonce"),
        text("code_verifier"),
        // SHA-256 of what the browser that began holds in a cookie.
        text("browser_hash"),
        time("created_at_ms"),
        time("expires_at_ms"),
    ];
    table("sign_in_flow", columns).primary_key(&mut primary_key("sign_in_flow_pkey", &["state_hash"])).take()
}
