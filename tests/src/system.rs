//! The two ways in which Sluice runs: one process, or an API with workers.

use std::path::PathBuf;

use crate::{Api, Process, Services, free_port};

/// `sluice dev` in a folder of its own.
#[derive(Debug)]
pub struct Embedded {
    /// Its door.
    pub api: Api,
    /// Its process.
    pub process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Embedded {
    /// Starts it on a fresh folder and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further variables, until it is started again.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let port = free_port();
        let process = Self::spawn(&folder, port, variables);
        let api = Api::new(port);
        api.ready().await;
        Self { api, process, folder, port }
    }

    /// Starts it with every SQL statement in its log.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_counting_statements() -> (Self, Statements) {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let port = free_port();
        let path = folder.path().join("log");
        let log = std::fs::File::create(&path).expect("a temporary folder can be written to");
        let data = folder.path().to_str().expect("temporary folders have plain names");
        let arguments = ["dev", "--bind", &format!("127.0.0.1:{port}"), "--data-dir", data];
        let process = Process::start_logging(&arguments, &[("SLUICE_LOG", "warn,sqlx::query=debug")], log.into());
        let api = Api::new(port);
        api.ready().await;
        (Self { api, process, folder, port }, Statements(path))
    }

    /// Starts it with variables and everything that it logs at `level`, which [`Self::files`] has too.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_logging(level: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("a temporary folder can be written to");
        let data = folder.path().to_str().expect("temporary folders have plain names");
        let arguments = ["dev", "--bind", &format!("127.0.0.1:{port}"), "--data-dir", data];
        let variables = [variables, &[("SLUICE_LOG", level)]].concat();
        let process = Process::start_logging(&arguments, &variables, log.into());
        let api = Api::new(port);
        api.ready().await;
        Self { api, process, folder, port }
    }

    /// Everything that it has written: its database, and its log if it was started so.
    ///
    /// # Panics
    /// When a file cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).expect("the file can be read");
                    found.push((path, bytes));
                }
            }
        }
        found
    }

    /// Starts it again on the same folder and port, after it was killed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.process = Self::spawn(&self.folder, self.port, &[]);
        self.api.ready().await;
    }

    fn spawn(folder: &tempfile::TempDir, port: u16, variables: &[(&str, &str)]) -> Process {
        let data = folder.path().to_str().expect("temporary folders have plain names");
        Process::start(&["dev", "--bind", &format!("127.0.0.1:{port}"), "--data-dir", data], variables)
    }
}

/// The SQL statements of a process.
#[derive(Debug)]
pub struct Statements(PathBuf);

impl Statements {
    /// How many there were so far.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn count(&self) -> usize {
        let log = std::fs::read_to_string(&self.0).expect("the log is there");
        log.matches("sqlx::query").count()
    }
}

/// `sluice api` and some `sluice worker`s over PostgreSQL and Redis.
#[derive(Debug)]
pub struct Fleet {
    /// The API's door.
    pub api: Api,
    /// The API's process.
    pub api_process: Process,
    /// The workers.
    pub workers: Vec<Process>,
    /// What they run on.
    pub services: Services,
    variables: Vec<(&'static str, String)>,
    api_arguments: Vec<&'static str>,
    port: u16,
}

/// A key of 32 bytes, for tests alone.
pub const SECRET_KEY: &str = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC0=";

impl Fleet {
    /// Starts an API and `workers` workers with a lease of `lease`, and waits until the API answers.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start(services: Services, workers: usize, lease: &str) -> Self {
        Self::start_as(services, workers, lease, &["api", "--insecure-no-auth"], &[]).await
    }

    /// The same with further variables.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start_with(services: Services, workers: usize, lease: &str, more: &[(&'static str, &str)]) -> Self {
        Self::start_as(services, workers, lease, &["api", "--insecure-no-auth"], more).await
    }

    /// Starts an API that asks for a sign-in, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_guarded(services: Services) -> Self {
        Self::start_as(services, 0, "10s", &["api"], &[]).await
    }

    async fn start_as(
        services: Services,
        workers: usize,
        lease: &str,
        api_arguments: &[&'static str],
        more: &[(&'static str, &str)],
    ) -> Self {
        let mut variables = vec![
            ("DATABASE_URL", services.database_url.clone()),
            ("REDIS_URL", services.redis_url.clone()),
            ("SLUICE_SECRET_KEY", SECRET_KEY.to_owned()),
            ("SLUICE_LEASE", lease.to_owned()),
            ("SLUICE_EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
        ];
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let port = free_port();
        let bind = format!("127.0.0.1:{port}");
        let api_process = spawn(&[api_arguments, &["--bind", &bind]].concat(), &variables);
        let api = Api::new(port);
        api.ready().await;
        let workers = (0..workers).map(|_worker| spawn(&["worker"], &variables)).collect();
        let api_arguments = api_arguments.to_vec();
        Self { api, api_process, workers, services, variables, api_arguments, port }
    }

    /// One more worker.
    pub fn add_worker(&mut self) {
        self.add_worker_with(&[]);
    }

    /// One more worker, with further arguments.
    pub fn add_worker_with(&mut self, arguments: &[&str]) {
        self.workers.push(spawn(&[&["worker"], arguments].concat(), &self.variables));
    }

    /// One more worker, which dies at a place of `store/src/crash.rs`.
    pub fn add_worker_that_dies_at(&mut self, place: &str) {
        self.workers.push(spawn(&["worker"], &self.dying_at(place)));
    }

    /// Starts the API again after it was killed, so that it dies at a place of `store/src/crash.rs`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_api_that_dies_at(&mut self, place: &str) {
        self.api_process = self.spawn_api(&self.dying_at(place));
        self.api.ready().await;
    }

    /// Starts the API again after it was killed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_api(&mut self) {
        self.api_process = self.spawn_api(&self.variables);
        self.api.ready().await;
    }

    /// One more API, at an address of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn another_api(&self) -> (Process, Api) {
        let port = free_port();
        let bind = format!("127.0.0.1:{port}");
        let process = spawn(&[self.api_arguments.as_slice(), &["--bind", &bind]].concat(), &self.variables);
        let api = Api::new(port);
        api.ready().await;
        (process, api)
    }

    fn spawn_api(&self, variables: &[(&'static str, String)]) -> Process {
        let bind = format!("127.0.0.1:{}", self.port);
        spawn(&[self.api_arguments.as_slice(), &["--bind", &bind]].concat(), variables)
    }

    fn dying_at(&self, place: &str) -> Vec<(&'static str, String)> {
        let mut variables = self.variables.clone();
        variables.push(("TEST_CRASH_AT", place.to_owned()));
        variables
    }

    /// Waits until no execution is live.
    ///
    /// # Panics
    /// When some are still live after a minute.
    pub async fn drained(&self) {
        let waited = async {
            while self.services.number("select count(*) from execution where ended_at_ms is null").await > 0 {
                // tidy: allow no-sleep because this is the pause between two looks at a condition
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_mins(1), waited).await.is_ok();
        assert!(in_time, "not within a minute: these executions have not ended:\n{}", self.services.live().await);
    }
}

fn spawn(arguments: &[&str], variables: &[(&'static str, String)]) -> Process {
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::start(arguments, &variables)
}
