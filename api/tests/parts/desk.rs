//! Use cases over an empty database, and a transport that only notes what it was asked.

use std::sync::{Arc, Mutex};

use async_graphql::{Request, Variables, value};
use futures::future::{BoxFuture, FutureExt};
use queue::{Notices, WorkQueue};
use serde_json::Value;
use service::identity::oidc::{Call, Reply, Transport, TransportError};
use service::viewer::{Credential, Permission};
use service::{Clock, Services, Settings, Viewer};
use sluice_api::graphql::{ApiSchema, ServerMode, schema_with_calls};
use store::{DatabaseUrl, Store, StoreConfig};

/// What services answer.
#[derive(Debug, Clone, Copy)]
pub enum Answers {
    /// This status.
    Status(u16),
    /// They are not reached.
    Nothing,
}

#[derive(Debug)]
struct Notes {
    answers: Answers,
    /// Addresses, and whether credentials came with the call.
    asked: Mutex<Vec<(String, bool)>>,
}

impl Transport for Notes {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, TransportError>> {
        self.asked.lock().unwrap().push((call.url, call.authorization.is_some()));
        let answer = match self.answers {
            Answers::Status(status) => Ok(Reply { status, body: Vec::new() }),
            Answers::Nothing => Err(TransportError::Failed("the connection was refused".into())),
        };
        async move { answer }.boxed()
    }
}

pub struct Desk {
    schema: ApiSchema,
    services: Services,
    notes: Arc<Notes>,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn new(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::connect(&StoreConfig::new(DatabaseUrl::sqlite(folder.path().join("test.db")))).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, Clock::System, Settings::default()).await.unwrap();
        let notes = Arc::new(Notes { answers, asked: Mutex::default() });
        let transport: Arc<dyn Transport> = Arc::clone(&notes) as Arc<dyn Transport>;
        let schema = schema_with_calls(services.clone(), ServerMode::Embedded, transport);
        Self { schema, services, notes, _folder: folder }
    }

    /// What was called, and whether credentials came with it.
    pub fn asked(&self) -> Vec<(String, bool)> {
        self.notes.asked.lock().unwrap().clone()
    }

    /// The data that the owner gets; that there are no errors is looked at here.
    pub async fn owner(&self, document: &str, variables: async_graphql::Value) -> Value {
        let viewer = Viewer::owner(self.services.default_organization());
        let mut answer = self.execute(viewer, document, variables).await;
        assert!(answer["errors"].is_null(), "{document}: {answer}");
        answer["data"].take()
    }

    /// The answer to somebody with these permissions alone.
    pub async fn run(&self, permissions: &[Permission], document: &str, variables: async_graphql::Value) -> Value {
        let permissions = permissions.iter().copied().collect();
        let owner = Viewer::owner(self.services.default_organization());
        let viewer = Viewer { permissions, credential: Credential::Unguarded, ..owner };
        self.execute(viewer, document, variables).await
    }

    async fn execute(&self, viewer: Viewer, document: &str, variables: async_graphql::Value) -> Value {
        let request = Request::new(document).variables(Variables::from_value(variables));
        // The use cases note in the viewer's trail what the log takes from the request's.
        let request = request.data(viewer.origin.clone()).data(viewer);
        serde_json::to_value(self.schema.execute(request).await).unwrap()
    }

    /// A service of this kind that is called with a secret; the ids of both.
    pub async fn shop(&self, kind: &str, base_url: &str) -> (String, String) {
        let secret = "mutation { secretSet(input: { name: \"shop_token\", value: \"a-token-of-the-shop\" }) {
            secret { id } userErrors { message } } }";
        let secret = self.owner(secret, value!({})).await["secretSet"]["secret"]["id"].as_str().unwrap().to_owned();
        let create = "mutation($input: ServiceCreateInput!) { serviceCreate(input: $input) {
            service { id } userErrors { message } } }";
        let input = value!({
            "name": "shop",
            "kind": kind,
            "baseUrl": base_url,
            "authentication": { "kind": "BASIC", "secretId": secret.as_str() },
        });
        let service = self.owner(create, value!({ "input": input })).await;
        let id = service["serviceCreate"]["service"]["id"].as_str().unwrap_or_else(|| panic!("{service}"));
        (secret, id.to_owned())
    }
}
