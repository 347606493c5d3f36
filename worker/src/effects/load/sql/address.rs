//! Where a database is, from the address of its service.

use reqwest::Url;
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Port of PostgreSQL.
pub(super) const PORT: u16 = 5432;

/// Statements that are kept prepared on a connection.
const PREPARED: usize = 16;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    database: String,
    username: String,
    pub(super) is_encrypted: bool,
}

impl Address {
    /// Reads `postgres://[user@]host[:port]/database[?sslmode=disable]`. Nothing else is taken from the text:
    /// parameters of the client could name files of this machine.
    pub(super) fn parse(text: &str, settings: &Map<String, Value>) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|problem| format!("its address is not valid: {problem}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("its address does not begin with postgres://".to_owned());
        }
        if url.password().is_some() {
            return Err("its address holds a password, which belongs into a secret".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("its address has no host")?.to_owned();
        let setting = |name: &str| settings.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let of_path = Some(url.path().trim_matches('/')).filter(|path| !path.is_empty()).map(ToOwned::to_owned);
        let of_user = Some(url.username()).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
        let database = setting("database").or(of_path).ok_or("its address names no database")?;
        let username = setting("username").or(of_user).ok_or("its settings have no `username`")?;
        if database.contains(['%', '/']) || username.contains('%') {
            let what = "its address has an encoded name; write it as `database` or `username` into its settings";
            return Err(what.to_owned());
        }
        let mut is_encrypted = true;
        for (name, value) in url.query_pairs() {
            is_encrypted = match (name.as_ref(), value.as_ref()) {
                ("sslmode", "disable") => false,
                // Encrypted without a look at the certificate is encrypted for whoever is in between.
                ("sslmode", "verify-full" | "require") => true,
                ("sslmode", _other) => return Err("its `sslmode` is neither verify-full nor disable".to_owned()),
                _other => return Err("its address has another parameter than `sslmode`".to_owned()),
            };
        }
        Ok(Self { host, port: url.port().unwrap_or(PORT), database, username, is_encrypted })
    }

    /// `host:port`, for people.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the client would otherwise take from the environment of this process about place, user and encryption is
    /// said here. `PGOPTIONS` alone it takes in any case; those are defaults of a session, before which go the bounds
    /// of each transaction. It does not encrypt: that is done on the way.
    pub(super) fn options(&self, password: Option<&str>) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(self.host.trim_matches(['[', ']']))
            .port(self.port)
            .username(&self.username)
            .password(password.unwrap_or_default())
            .database(&self.database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("sluice")
            .statement_cache_capacity(PREPARED)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_address_names_host_database_and_user_and_asks_for_encryption() {
        let address = Address::parse("postgres://reader@db.example.com/shop", &Map::new()).unwrap();
        assert_eq!((address.authority().as_str(), address.is_encrypted), ("db.example.com:5432", true));
        assert_eq!((address.database.as_str(), address.username.as_str()), ("shop", "reader"));
        let settings = settings(json!({ "username": "other", "database": "shop 2" }));
        let address = Address::parse("postgresql://[::1]:6000?sslmode=disable", &settings).unwrap();
        assert_eq!((address.authority().as_str(), address.is_encrypted), ("[::1]:6000", false));
        assert_eq!((address.database.as_str(), address.username.as_str()), ("shop 2", "other"));
    }

    #[test]
    fn what_could_reach_files_or_show_a_password_is_refused() {
        for (text, what) in [
            ("https://db.example.com/shop", "postgres://"),
            ("postgres://u:hunter2@db.example.com/shop", "secret"),
            ("postgres:///shop", "host"),
            ("postgres://u@db.example.com", "database"),
            ("postgres://db.example.com/shop", "username"),
            ("postgres://u@db.example.com/shop?host=/var/run", "sslmode"),
            ("postgres://u@db.example.com/shop?sslrootcert=/etc/passwd", "sslmode"),
            ("postgres://u@db.example.com/shop?sslmode=prefer", "verify-full"),
            ("postgres://u@db.example.com/a%2Fb", "settings"),
        ] {
            let problem = Address::parse(text, &Map::new()).unwrap_err();
            assert!(problem.contains(what) && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }
}
