//! The `sluice` binary: puts the parts together, and is a client of a running server.

mod arguments;
mod client;
mod config;
mod door;
mod failure;
mod hardening;
mod output;
mod password;
mod serve;
mod simulate;
mod test;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command, SchemaKind};
use crate::failure::Failure;

/// Requests and executions live in many small values: the allocator of the C library was a tenth of
/// all time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of a thread that serves requests, in bytes; as much as the main thread has. Definitions may nest,
/// and a build without optimisation spends tens of KiB on each of their levels.
const STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(problem) => {
            eprintln!("error: the runtime cannot be started: {problem}");
            return ExitCode::from(1);
        }
    };
    // Another installation is not possible: this is the first line that runs.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: another TLS provider is installed already");
        return ExitCode::from(1);
    }
    let outcome = runtime.block_on(run(arguments));
    // What still runs after an orderly end, such as a connection nobody closes, is cut.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let format = arguments.output.resolve();
    match arguments.command {
        Command::Dev(options) => serve::dev(options).await,
        Command::Api(options) => serve::api(options).await,
        Command::Worker(options) => serve::worker(options).await,
        Command::Migrate(options) => serve::migrate(options, format).await,
        Command::Bootstrap(options) => serve::bootstrap(options, format).await,
        Command::Validate { files } => validate::run(&files, format),
        Command::Test(options) => test::run(&options, format),
        Command::Audit(options) => client::audit::run(options, format).await,
        Command::Deploy(options) => client::deploy::run(options, format).await,
        Command::Login(options) => client::login::login(options, format).await,
        Command::Logout(options) => client::login::logout(options, format).await,
        Command::Whoami(options) => client::login::whoami(options, format).await,
        Command::List(options) => client::list::run(options, format).await,
        Command::Members(options) => client::members::run(options, format).await,
        Command::Invite(options) => client::invite::run(options, format).await,
        Command::Roles(options) => client::roles::run(options, format).await,
        Command::Keys(options) => client::keys::run(options, format).await,
        Command::Rules(options) => client::rules::run(options, format).await,
        Command::Secret(options) => client::secrets::run(options, format).await,
        Command::Variable(options) => client::variables::run(options, format).await,
        Command::Service(options) => client::services::run(options, format).await,
        Command::Resource(options) => client::resources::run(options, format).await,
        Command::Schedules(options) => client::schedules::run(options, format).await,
        Command::Approvals(options) => client::approvals::run(options, format).await,
        Command::Start(options) => client::start::run(options, format).await,
        Command::Emit(options) => client::emit::run(options, format).await,
        Command::Events(options) => client::events::run(options, format).await,
        Command::Hooks(options) => client::hooks::run(options, format).await,
        Command::Webhooks(options) => client::webhooks::run(options, format).await,
        Command::Executions(options) => client::executions::list(options, format).await,
        Command::Show(options) => client::executions::show(options, format).await,
        Command::Watch(options) => client::watch::run(options, format).await,
        Command::Bulk(options) => client::bulk::run(options, format).await,
        Command::Lifecycle(command) => client::lifecycle::run(command, format).await,
        Command::Errors(options) => client::errors::run(options, format).await,
        Command::Stats(options) => client::stats::run(options, format).await,
        Command::Versions(command) => client::versions::run(command, format).await,
        Command::Drain(options) => client::drain::run(options, format).await,
        Command::Doctor(options) if options.security => hardening::run(format),
        Command::Doctor(options) => client::doctor::run(options, format).await,
        Command::Sim(options) => simulate::run(&options, format),
        Command::Health(options) => client::health::run(&options, format).await,
        Command::Config => config::print(format),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sluice", &mut script);
            output::raw(&script)
        }
        Command::Schema { kind: SchemaKind::Graphql } => output::raw(api::graphql::sdl().as_bytes()),
        Command::Schema { kind: SchemaKind::Definition } => {
            let schema =
                serde_json::to_string_pretty(&engine::definition::json_schema()).expect("a schema is plain data");
            output::raw(format!("{schema}\n").as_bytes())
        }
    }
}
