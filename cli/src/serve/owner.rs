//! The first owner: a token that is printed once, or whoever reaches the database.

use std::process::ExitCode;

use serde_json::json;
use service::identity::bootstrap::{self, Existing};
use service::{Origin, ServiceError, Services};
use tracing::{info, warn};

use crate::arguments::BootstrapOptions;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::password;

/// Prints a bootstrap token while nobody has an account, and says what is not set up.
pub async fn announce(services: &Services, config: &Config) -> Result<(), Failure> {
    if !services.settings().mailer.is_on() {
        info!("no mail is set up (SLUICE_MAIL_URL): addresses cannot be confirmed, forgotten passwords not set anew");
    }
    if config.text("SLUICE_PUBLIC_URL").is_empty() && services.settings().mailer.is_on() {
        warn!("SLUICE_PUBLIC_URL is not set: links in mails lead to {}", services.settings().public_url);
    }
    let token = bootstrap::token(services).await;
    let token = token.map_err(|problem| Failure::of("the first owner cannot be prepared", &problem))?;
    if let Some(token) = token {
        // Past the log and its filter: it stands nowhere else, and nobody can sign in without it.
        eprintln!(
            "\nNobody has an account yet. Within a day, one person becomes the owner with this token:\n\n  {token}\n\n\
             mutation {{ userRegister(input: {{ email, password, displayName, bootstrapToken }}) }}\n\
             or, on this machine: sluice bootstrap --email you@example.com\n"
        );
    }
    Ok(())
}

/// Makes an owner whose password is typed, or comes from standard input.
pub async fn make(services: &Services, options: &BootstrapOptions, format: Format) -> Result<ExitCode, Failure> {
    let password = password::ask("Password of the new owner: ", password::Repeat::Twice)?;
    let existing = if options.force_new_owner { Existing::Overrule } else { Existing::Respect };
    let origin = Origin::default();
    let name = options.name.as_deref();
    let made = bootstrap::make_owner(services, &options.email, name, &password, existing, &origin).await;
    let id = made.map_err(|problem| match problem {
        ServiceError::Mistakes(mistakes) => {
            let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
            let help: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.help.as_deref()).collect();
            Failure::usage(told.join("; ")).help(help.join("; "))
        }
        problem => Failure::of("the owner cannot be made", &problem),
    })?;
    match format {
        Format::Json => output::json(&json!({ "id": id, "email": options.email })),
        Format::Table => output::line(&format!("{} is an owner now; sign in with `sluice login`", options.email)),
    }
}
