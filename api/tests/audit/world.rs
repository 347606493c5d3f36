//! Use cases over an empty database, without a worker, and callers of several kinds.

use async_graphql::{Request, Variables, value};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use service::audit::Trail;
use service::viewer::{Credential, Permission};
use service::{Clock, Origin, Services, Settings, Viewer};
use sluice_api::graphql::{ApiSchema, ServerMode, schema};
use store::{DatabaseUrl, Store, StoreConfig};

/// A secret in everything that callers send.
pub const CANARY: &str = "c4nary-s3cret";

const WORKFLOW: &str = "
workflow_id: orders
description: c4nary-s3cret
steps:
  - { id: done, type: action, action: { type: allow } }
";

const ENTRIES: &str = "query($after: String) { auditEntries(first: 100, after: $after) {
    nodes { id sequence at actor { id kind displayName } action outcome code targetType targetId targetName changes reason
      remoteAddress userAgent requestId hash }
    pageInfo { hasNextPage endCursor } } }";

pub struct World {
    schema: ApiSchema,
    services: Services,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::connect(&StoreConfig::new(DatabaseUrl::sqlite(folder.path().join("test.db")))).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, Clock::System, Settings::default()).await.unwrap();
        Self { schema: schema(services.clone(), ServerMode::Embedded), services, _folder: folder }
    }

    pub fn owner(&self) -> Viewer {
        Viewer::owner(self.services.default_organization())
    }

    /// Somebody with these permissions alone.
    pub fn viewer(&self, permissions: &[Permission]) -> Viewer {
        Viewer { permissions: permissions.iter().copied().collect(), credential: Credential::Unguarded, ..self.owner() }
    }

    /// The owner of another organization.
    pub async fn stranger(&self) -> Viewer {
        Viewer::owner(self.services.store().ensure_organization("other", "Other", 1).await.unwrap())
    }

    /// Runs a document in which `ID` stands for the workflow, `WF2` and `WRK` for nothing that exists.
    pub async fn run(&self, viewer: &Viewer, document: &str) -> Value {
        let workflow = if document.contains("ID") { self.workflow().await } else { String::new() };
        let document = document
            .replace(": ID", &format!(": \"{workflow}\""))
            .replace("WF2", &format!("\"{}\"", ids::WorkflowId::new()))
            .replace("WRK", &format!("\"{}\"", ids::WorkerId::new()))
            .replace("CANARY", &format!("\"{CANARY}\""));
        let answer = self.run_with(Some(viewer), &document, value!({})).await;
        assert!(!answer["data"].is_null(), "{document} was not looked at: {answer}");
        answer
    }

    pub async fn run_with(&self, viewer: Option<&Viewer>, document: &str, variables: async_graphql::Value) -> Value {
        let origin = Origin {
            address: Some("192.0.2.7".parse().unwrap()),
            user_agent: Some("test/1".to_owned()),
            request_id: "req-1".to_owned(),
            trail: Trail::default(),
        };
        let variables = Variables::from_value(variables);
        let mut request = Request::new(document).variables(variables).data(origin.clone());
        if let Some(viewer) = viewer {
            request = request.data(Viewer { origin, ..viewer.clone() });
        }
        serde_json::to_value(self.schema.execute(request).await).unwrap()
    }

    /// Brings the workflow in.
    pub async fn import(&self, publish: bool) {
        let document = "mutation($content: String!, $publish: Boolean!) { workflowImport(input: {
            files: [{ path: \"orders.yaml\", content: $content }], publish: $publish }) { results { outcome } } }";
        let variables = value!({ "content": WORKFLOW, "publish": publish });
        let answer = self.run_with(Some(&self.owner()), document, variables).await;
        assert_eq!(answer["data"]["workflowImport"]["results"], json!([{ "outcome": "CREATED" }]), "{answer}");
    }

    pub async fn workflow(&self) -> String {
        let organization = self.services.default_organization();
        let row = self.services.store().workflow_by_slug(organization, "orders").await.unwrap();
        row.map(|row| row.id.to_string()).unwrap_or_default()
    }

    pub async fn start(&self, key: &str) -> String {
        let document = "mutation($key: String!, $input: JSON!) { executionStart(input: {
            workflow: { slug: \"orders\" }, key: $key, input: $input }) { execution { id } } }";
        let variables = value!({ "key": key, "input": { "card": CANARY } });
        let answer = self.run_with(Some(&self.owner()), document, variables).await;
        answer["data"]["executionStart"]["execution"]["id"].as_str().unwrap().to_owned()
    }

    /// The whole log, the oldest entry first.
    pub async fn entries(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut after = async_graphql::Value::Null;
        loop {
            let variables = value!({ "after": after });
            let mut answer = self.run_with(Some(&self.owner()), ENTRIES, variables).await;
            let mut page = answer["data"]["auditEntries"].take();
            entries.append(page["nodes"].as_array_mut().unwrap());
            if page["pageInfo"]["hasNextPage"] == false {
                entries.reverse();
                return entries;
            }
            after = async_graphql::Value::String(page["pageInfo"]["endCursor"].as_str().unwrap().to_owned());
        }
    }

    /// Whether the log has so many entries and its chain fits.
    pub async fn is_intact(&self, count: usize) -> bool {
        let query = "{ auditVerify(window: { last: \"1h\" }) { isIntact checked } }";
        let answer = self.run_with(Some(&self.owner()), query, value!({})).await;
        let verified = &answer["data"]["auditVerify"];
        verified["isIntact"] == true && verified["checked"].to_string().trim_matches('"') == count.to_string()
    }
}
