//! A fresh, migrated database for each test, and builders for what goes into it.

use std::sync::atomic::{AtomicI64, Ordering};

use ids::{ExecutionId, OrganizationId, WorkerId, WorkflowId, WorkflowVersionId};
use sqlx::{ConnectOptions, Connection, Executor};
use store::{
    Checkpoint, Claimed, CommitOutcome, DatabaseUrl, Ended, ExecutionResult, ExecutionStatus, Label, NewExecution,
    Patch, StartKey, StartOutcome, Store, StoreConfig, TriggerType, WaitRow,
};

use crate::template;

/// Runs each case on a database of its own, on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($(async fn $name:ident($database:ident: &$kind:ident) $body:block)*) => {$(
        mod $name {
            #[expect(clippy::allow_attributes, reason = "not every file of cases needs every import")]
            #[allow(unused_imports, reason = "not every case needs every import")]
            use super::*;

            async fn case($database: &$kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                let database = $crate::harness::Database::sqlite().await;
                case(&database).await;
                database.end().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgresql() {
                let Some(database) = $crate::harness::Database::postgresql(stringify!($name)).await else { return };
                case(&database).await;
                database.end().await;
            }
        }
    )*};
}

/// An empty database with one organization in it.
pub struct Database {
    pub store: Store,
    pub organization: OrganizationId,
    config: StoreConfig,
    clock_ms: AtomicI64,
    place: Place,
}

enum Place {
    Folder { folder: tempfile::TempDir },
    Server { url: String, name: String },
}

/// 2026-01-01.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

impl Database {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.db");
        template::copy_to(&file).await;
        let url = DatabaseUrl::sqlite(file);
        Self::migrated(url, Place::Folder { folder }).await
    }

    /// `None`, and a line on standard error, when no server is named.
    pub async fn postgresql(case: &str) -> Option<Self> {
        let Ok(url) = std::env::var("SLUICE_TEST_DATABASE_URL") else {
            eprintln!("skipped: {case} on PostgreSQL, because SLUICE_TEST_DATABASE_URL is not set");
            return None;
        };
        let name = format!("sluice_store_{}", ids::uuid::Uuid::now_v7().simple());
        template::create(&url, &name).await;
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        let own: DatabaseUrl = options.database(&name).to_url_lossy().as_str().parse().unwrap();
        Some(Self::migrated(own, Place::Server { url, name }).await)
    }

    async fn migrated(url: DatabaseUrl, place: Place) -> Self {
        let config = StoreConfig::new(url);
        let store = Store::connect(&config).await.unwrap();
        let organization = store.ensure_organization("default", "Default", EPOCH_MS).await.unwrap();
        Self { store, organization, config, clock_ms: AtomicI64::new(EPOCH_MS), place }
    }

    /// The same database through connections and committers of its own, as another process has it.
    pub async fn another_process(&self) -> Store {
        Store::connect(&self.config).await.unwrap()
    }

    /// How to connect to it as this one does.
    pub fn config(&self) -> StoreConfig {
        self.config.clone()
    }

    /// A moment later than all before it.
    pub fn now(&self) -> i64 {
        self.clock_ms.fetch_add(1, Ordering::SeqCst)
    }

    /// Which of the two it is.
    pub const fn is_postgresql(&self) -> bool {
        matches!(self.place, Place::Server { .. })
    }

    /// How to connect to it without the store.
    pub fn postgresql_options(&self) -> sqlx::postgres::PgConnectOptions {
        let Place::Server { url, name } = &self.place else { panic!("this is no PostgreSQL database") };
        url.parse::<sqlx::postgres::PgConnectOptions>().unwrap().database(name)
    }

    /// How to open the file without the store.
    pub fn sqlite_options(&self) -> sqlx::sqlite::SqliteConnectOptions {
        let Place::Folder { folder } = &self.place else { panic!("this is no SQLite file") };
        sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("test.db"))
    }

    /// Runs a statement behind the store's back, to damage something.
    pub async fn damage(&self, statement: &'static str) -> u64 {
        self.try_to_damage(statement).await.unwrap()
    }

    /// As [`Database::damage`], when the database may refuse.
    pub async fn try_to_damage(&self, statement: &'static str) -> Result<u64, sqlx::Error> {
        match &self.place {
            Place::Folder { .. } => {
                let mut connection = self.sqlite_options().connect().await?;
                let changed = connection.execute(statement).await?.rows_affected();
                connection.close().await?;
                Ok(changed)
            }
            Place::Server { .. } => {
                let mut connection = self.postgresql_options().connect().await?;
                let changed = connection.execute(statement).await?.rows_affected();
                connection.close().await?;
                Ok(changed)
            }
        }
    }

    /// Closes and removes it.
    pub async fn end(self) {
        self.store.close().await;
        if let Place::Server { url, name } = &self.place {
            on_server(url, &format!("drop database {name} with (force)")).await;
        }
    }

    /// An execution without anything special.
    pub fn new_execution(&self) -> NewExecution {
        new_execution(self.organization, self.now())
    }

    /// Starts an execution; returns its id.
    pub async fn started(&self, new: NewExecution) -> ExecutionId {
        let id = new.id;
        assert_eq!(self.store.start(new).await.unwrap(), StartOutcome::New { seq: 1 });
        id
    }

    /// Starts one for a worker and claims it.
    pub async fn claimed(&self, worker: WorkerId) -> Claimed {
        let id = self.started(self.new_execution()).await;
        let mut claimed = self.store.claim(worker, &[id], self.now()).await.unwrap();
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    /// Starts one and runs it to its end.
    pub async fn ended(&self, new: NewExecution, ended: Ended) -> ExecutionId {
        let worker = WorkerId::new();
        let id = self.started(new).await;
        let claimed = self.store.claim(worker, &[id], self.now()).await.unwrap().remove(0);
        let outcome = self.store.commit(self.checkpoint(&claimed, worker, Patch::Ended(ended))).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed { seq: 2, signals: 0 });
        id
    }

    /// A checkpoint of what was claimed, after nothing else was written.
    pub fn checkpoint(&self, claimed: &Claimed, worker: WorkerId, patch: Patch) -> Checkpoint {
        Checkpoint {
            organization_id: claimed.organization_id,
            workflow_id: claimed.workflow_id,
            execution_id: claimed.id,
            worker_id: worker,
            epoch: claimed.epoch,
            seq: claimed.seq,
            events: r#"["went on"]"#.to_owned(),
            decision: None,
            at_ms: self.now(),
            patch,
            taken: Vec::new(),
            sends: Vec::new(),
            approvals: store::ApprovalWrites::default(),
            told_at_most: None,
            deadline: store::Deadline::default(),
            measures: store::Measures::default(),
        }
    }
}

async fn on_server(url: &str, statement: &str) {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

pub fn new_execution(organization: OrganizationId, now_ms: i64) -> NewExecution {
    NewExecution {
        id: ExecutionId::new(),
        organization_id: organization,
        workflow_id: WorkflowId::new(),
        version_id: WorkflowVersionId::new(),
        version_number: 1,
        key: None,
        priority: 5,
        queue: "default".to_owned(),
        trigger_type: TriggerType::Manual,
        trigger: r#"{"type":"manual"}"#.to_owned(),
        event_id: None,
        started_by: "usr_test".to_owned(),
        input: r#"{"order":{"id":"o-1"}}"#.to_owned(),
        labels: Vec::new(),
        events: r#"["accepted"]"#.to_owned(),
        start_key: None,
        queued_at_ms: now_ms,
        deadline_at_ms: None,
        depth: 0,
        parent_id: None,
        awaited: false,
        rerun_of: None,
        rules: None,
    }
}

pub fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}

pub fn start_key(key: &str, fingerprint: &str) -> Option<StartKey> {
    Some(StartKey { key: key.to_owned(), fingerprint: fingerprint.to_owned() })
}

pub fn running() -> Patch {
    Patch::Running { state: Some(r#"{"step":1}"#.to_owned()), waits: Vec::new() }
}

/// What most checkpoints are: nothing but the journal.
pub fn goes_on() -> Patch {
    Patch::Running { state: None, waits: Vec::new() }
}

pub fn released() -> Patch {
    Patch::Released { state: r#"{"step":1}"#.to_owned() }
}

/// Waits, to be woken at each of `times_ms`.
pub fn parked(times_ms: &[i64]) -> Patch {
    let waits = times_ms.iter().enumerate();
    Patch::Parked {
        status: ExecutionStatus::Waiting,
        paused_at_ms: None,
        state: r#"{"step":1}"#.to_owned(),
        waits: waits
            .map(|(index, at)| WaitRow {
                step_path: format!("step{index}"),
                kind: "retry".to_owned(),
                due_at_ms: Some(*at),
                ..WaitRow::default()
            })
            .collect(),
        wake_at_ms: times_ms.iter().min().copied(),
    }
}

pub fn completed() -> Ended {
    Ended {
        status: ExecutionStatus::Completed,
        result: Some(ExecutionResult::Allowed),
        error_code: None,
        error_message: None,
        failed_step: None,
    }
}

pub fn failed() -> Ended {
    Ended {
        status: ExecutionStatus::Failed,
        result: Some(ExecutionResult::Failed),
        error_code: Some("HTTP_STATUS".to_owned()),
        error_message: Some("the service answered 500".to_owned()),
        failed_step: Some("charge".to_owned()),
    }
}
