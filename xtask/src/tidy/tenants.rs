//! Who may read the rows of all organizations.

use super::Finding;
use super::text::TextFile;

/// Files of `store` that read without naming an organization, each with what it is about. Whatever serves one
/// organization takes `reads_of(organization)`, which PostgreSQL holds to its word.
const SERVE_ALL: &[(&str, &str)] = &[
    ("store/src/approvals/links.rs", "a token leads to its organization, before one is known"),
    ("store/src/approvals/mails.rs", "the reconciler asks about what was opened, whoever's it is"),
    ("store/src/bulk/work.rs", "the reconciler goes on with what is due, whoever's it is"),
    ("store/src/children.rs", "the reconciler ends what was forsaken, whoever's it is"),
    ("store/src/commit/audit.rs", "the committer writes for all organizations in one statement"),
    ("store/src/commit/checkpoint/settle.rs", "the committer writes for all organizations in one statement"),
    ("store/src/commit/start.rs", "the committer writes for all organizations in one statement"),
    ("store/src/events.rs", "the reconciler routes what was forgotten, whoever's it is"),
    ("store/src/identity/api_keys.rs", "a key leads to its organization, before one is known"),
    ("store/src/identity/failures.rs", "attempts are counted before anybody is known"),
    ("store/src/identity/identity_providers.rs", "whoever signs in is in no organization yet"),
    ("store/src/identity/invitations.rs", "a token leads to its organization, before one is known"),
    ("store/src/identity/memberships.rs", "a person asks where they belong, before they are anywhere"),
    ("store/src/identity/one_time_tokens.rs", "tokens belong to people"),
    ("store/src/identity/passwords.rs", "passwords belong to people"),
    ("store/src/identity/registration.rs", "the first owner is looked for in the whole installation"),
    ("store/src/identity/sessions.rs", "sessions belong to people"),
    ("store/src/identity/user_identities.rs", "a provider is named, and so its organization; the table names none"),
    ("store/src/identity/users.rs", "people belong to no organization"),
    ("store/src/operations/check.rs", "the doctor looks through the whole installation"),
    ("store/src/operations/queues.rs", "queues are of the installation"),
    ("store/src/operations/reconcilers.rs", "reconcilers are of the installation"),
    ("store/src/operations/retention.rs", "retention goes from organization to organization"),
    ("store/src/organizations/purge.rs", "the reconciler deletes what organizations left behind"),
    ("store/src/organizations.rs", "a slug leads to an organization, before one is known"),
    ("store/src/schedules/fire.rs", "the reconciler fires what is due, whoever's it is"),
    ("store/src/signals.rs", "the reconciler delivers what was forgotten, whoever's it is"),
    ("store/src/slots.rs", "the reconciler gives slots that were forgotten, whoever's they are"),
    ("store/src/store.rs", "asks whether the database answers"),
    ("store/src/webhooks/follow.rs", "the reconciler goes through all organizations with addresses"),
    ("store/src/webhooks/send.rs", "the reconciler sends what is due, whoever's it is"),
    ("store/src/workers.rs", "workers are of the installation"),
    ("store/src/workflows/archive.rs", "the reconciler removes what was deleted, whoever's it was"),
];

/// Files that name the organization and still read outside of the wall, each with its reason.
const BESIDE_THE_WALL: &[(&str, &str)] =
    &[("store/src/identity/members.rs", "a filter by name reads accounts, which are outside of the wall")];

const READS_ALL: &str = ".reads()";

/// A read of all organizations in a file that has no reason to, or in a method that serves one.
pub fn check(file: &TextFile) -> Vec<Finding> {
    if !file.path.starts_with("store/src/") || file.path.starts_with("store/src/backend") {
        return Vec::new();
    }
    let is_listed = SERVE_ALL.iter().any(|(path, _reason)| *path == file.path);
    let is_beside = BESIDE_THE_WALL.iter().any(|(path, _reason)| *path == file.path);
    let mut findings = Vec::new();
    let mut signature = String::new();
    let mut is_in_signature = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.contains(" fn ") && !line.trim_start().starts_with("//") {
            signature.clear();
            is_in_signature = true;
        }
        if is_in_signature {
            signature.push_str(line);
            is_in_signature = !line.ends_with('{');
        }
        let serves_one = signature.contains("organization: OrganizationId");
        if !line.contains(READS_ALL) || (is_listed && !serves_one) || is_beside {
            continue;
        }
        let reason = if serves_one {
            "this method serves one organization: read by `reads_of(organization)`"
        } else {
            "this reads the rows of all organizations: take `reads_of(organization)`, or give the file its reason in \
             xtask/src/tidy/tenants.rs"
        };
        findings.push(Finding {
            file: file.path.clone(),
            line: index + 1,
            rule: "one-organization",
            reason: reason.to_owned(),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = TextFile { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|finding| finding.line).collect()
    }

    const OF_ALL: &str = "impl Store {\n    pub async fn all(&self) {\n        self.backend.reads();\n    }\n}\n";
    const OF_ONE: &str = "impl Store {\n    pub async fn one(\n        &self,\n        organization: OrganizationId,\n    ) {\n        self.backend.reads();\n    }\n}\n";

    #[test]
    fn a_file_needs_a_reason_to_read_the_rows_of_all_organizations() {
        assert_eq!(lines("store/src/anything.rs", OF_ALL), [3]);
        assert_eq!(lines("store/src/workers.rs", OF_ALL), [0_usize; 0]);
        assert_eq!(lines("service/src/anything.rs", OF_ALL), [0_usize; 0]);
    }

    #[test]
    fn a_method_that_takes_an_organization_reads_for_it_alone() {
        assert_eq!(lines("store/src/anything.rs", OF_ONE), [6]);
        assert_eq!(lines("store/src/workers.rs", OF_ONE), [6]);
        assert_eq!(lines("store/src/workers.rs", &OF_ONE.replace(".reads()", ".reads_of(organization)")), [0_usize; 0]);
    }
}
