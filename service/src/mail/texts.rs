//! What the mails say.

use super::Mail;

/// Asks whoever signed up to prove the address.
#[must_use]
pub fn verify_email(to: &str, public_url: &str, token: &str) -> Mail {
    mail(
        to,
        "Confirm your address",
        &format!(
            "Somebody signed up at {public_url} with this address. If it was you, confirm it within an hour:\n\n\
             {public_url}/verify-email#token={token}\n\n\
             If it was not you, do not open the link; without it the account cannot be used."
        ),
    )
}

/// Tells whoever signed up again that there is an account.
#[must_use]
pub fn account_exists(to: &str, public_url: &str) -> Mail {
    mail(
        to,
        "You have an account already",
        &format!(
            "Somebody signed up at {public_url} with this address, which has an account already. If it was you, \
             sign in, or set a new password:\n\n{public_url}/reset-password\n\n\
             If it was not you, there is nothing to do: your account is as it was."
        ),
    )
}

/// Lets somebody set a new password.
#[must_use]
pub fn reset_password(to: &str, public_url: &str, token: &str) -> Mail {
    mail(
        to,
        "Set a new password",
        &format!(
            "Somebody asked for a new password of your account at {public_url}. If it was you, set it within an \
             hour:\n\n{public_url}/reset-password#token={token}\n\n\
             If it was not you, there is nothing to do: your password is as it was."
        ),
    )
}

/// Invites somebody into an organization. `accept_url` holds the token in its fragment.
#[must_use]
pub fn invitation(to: &str, organization: &str, accept_url: &str) -> Mail {
    mail(
        to,
        "You are invited",
        &format!(
            "You are invited to the organization {organization}. Accept it within a week:\n\n{accept_url}\n\n\
             If you expect no invitation, there is nothing to do."
        ),
    )
}

/// Asks somebody to decide. `url` holds a token in its fragment.
#[must_use]
pub fn approval(to: &str, title: &str, url: &str, until: &str) -> Mail {
    mail(
        to,
        "Your decision is needed",
        &format!(
            "You are asked to decide: {title}\n\n{url}\n\n\
             The link is yours alone, decides once, and counts until {until}. Whoever has it decides in your name: do \
             not pass it on."
        ),
    )
}

/// Tells somebody that their password is another one now.
#[must_use]
pub fn password_changed(to: &str, public_url: &str) -> Mail {
    mail(
        to,
        "Your password was changed",
        &format!(
            "The password of your account at {public_url} was changed, and your other sessions were ended. If it \
             was not you, set a new one at once:\n\n{public_url}/reset-password"
        ),
    )
}

fn mail(to: &str, subject: &str, text: &str) -> Mail {
    Mail { to: to.to_owned(), subject: subject.to_owned(), text: format!("{text}\n") }
}
