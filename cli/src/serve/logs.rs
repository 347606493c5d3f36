//! Structured logs on standard error, and panics in them with their backtrace.

use std::backtrace::Backtrace;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Begins to log as the configuration says.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(config.text("SLUICE_LOG")).unwrap_or_else(|_checked_before| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let has_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let started = if config.text("SLUICE_LOG_FORMAT") == "json" {
        subscriber.json().try_init()
    } else {
        subscriber.with_ansi(has_colour).try_init()
    };
    if let Err(problem) = started {
        eprintln!("warning: logs cannot be written: {problem}");
    }
    std::panic::set_hook(Box::new(|panic| {
        metrics::counter!("sluice_panics_logged_total").increment(1);
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(place, backtrace = %Backtrace::force_capture(), "panic: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}
