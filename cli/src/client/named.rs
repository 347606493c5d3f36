//! Objects that the command line names by what definitions call them.

use serde_json::Value;

use super::server::Server;
use crate::failure::Failure;

/// A list of objects with names.
pub struct Names {
    /// The root field.
    pub list: &'static str,
    /// Asks for `id` and for the name; takes `$after`.
    pub query: &'static str,
    /// The field with the name.
    pub key: &'static str,
    /// What one is called.
    pub what: &'static str,
    /// The command that lists them.
    pub command: &'static str,
}

impl Names {
    /// The object with this id or name.
    pub async fn find(&self, server: &Server, wanted: &str) -> Result<Value, Failure> {
        let all = server.pages(&[self.list], self.query).await?;
        let found = all.into_iter().find(|known| known["id"] == wanted || known[self.key] == wanted);
        found.ok_or_else(|| {
            Failure::new(format!("there is no {} `{wanted}`", self.what))
                .help(format!("list them with `{}`", self.command))
        })
    }

    /// The id of the object with this id or name.
    pub async fn id(&self, server: &Server, wanted: &str) -> Result<Value, Failure> {
        Ok(self.find(server, wanted).await?["id"].take())
    }
}
