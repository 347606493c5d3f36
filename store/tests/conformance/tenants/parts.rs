//! Secrets, variables, services and resources of the three tenants.

use ids::{OrganizationId, ResourceLoaderId, SecretId, ServiceId, VariableId};
use store::{
    PageRequest, PartDeleted, PartFilter, PartInserted, PartKind, PartName, PartSaved, ResourceLoaderRow, SecretRow,
    ServiceFilter, ServiceRow, VariableRow,
};

use super::{Asked, Tenant};
use crate::harness::Database;
use crate::parts::{MANY, named, resource, secret, service, variable};

/// What one tenant has.
pub struct Parts {
    secret: SecretId,
    variable: VariableId,
    service: ServiceId,
    resource: ResourceLoaderId,
}

impl Parts {
    /// What nobody else may see.
    pub fn texts(&self) -> [String; 4] {
        [self.secret.to_string(), self.variable.to_string(), self.service.to_string(), self.resource.to_string()]
    }
}

fn secret_row(organization: OrganizationId, canary: &str) -> SecretRow {
    let (description, value) = (Some(canary.to_owned()), canary.to_owned());
    SecretRow { description, value, fingerprint: canary.to_owned(), ..secret(organization, "same") }
}

fn variable_row(organization: OrganizationId, canary: &str) -> VariableRow {
    VariableRow { value: canary.to_owned(), schema: Some(canary.to_owned()), ..variable(organization, "same") }
}

fn service_row(organization: OrganizationId, canary: &str) -> ServiceRow {
    let (title, base_url) = (canary.to_owned(), Some(canary.to_owned()));
    ServiceRow { title, base_url, auth_secret: Some("same".to_owned()), ..service(organization, "same") }
}

fn resource_row(organization: OrganizationId, canary: &str) -> ResourceLoaderRow {
    ResourceLoaderRow { request: canary.to_owned(), ..resource(organization, "same", "same") }
}

fn made<T: std::fmt::Debug>(inserted: PartInserted<T>) -> T {
    match inserted {
        PartInserted::New(row) => row,
        refused => panic!("the same name is another one elsewhere: {refused:?}"),
    }
}

pub async fn parts(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) -> Parts {
    let store = &database.store;
    let secret = made(ask!(asked, store, insert_secret(secret_row(id, canary), MANY)));
    let variable = made(ask!(asked, store, insert_variable(variable_row(id, canary), MANY)));
    let service = made(ask!(asked, store, insert_service(service_row(id, canary), MANY)));
    let resource = made(ask!(asked, store, insert_resource_loader(resource_row(id, canary), MANY)));
    ask!(asked, store, note_secret_use(id, &[secret.id], 7));
    Parts { secret: secret.id, variable: variable.id, service: service.id, resource: resource.id }
}

/// What the published version of a tenant names.
pub fn names() -> Vec<PartName> {
    PartKind::ALL.iter().map(|kind| named(*kind, "same")).collect()
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let (store, page) = (&database.store, PageRequest::first(100));
    let (everything, services, same) = (PartFilter::default(), ServiceFilter::default(), ["same".to_owned()]);
    let secrets: Vec<SecretId> = all.iter().map(|one| one.parts.secret).collect();
    let variables: Vec<VariableId> = all.iter().map(|one| one.parts.variable).collect();
    let called: Vec<ServiceId> = all.iter().map(|one| one.parts.service).collect();
    let resources: Vec<ResourceLoaderId> = all.iter().map(|one| one.parts.resource).collect();
    let mut seen = vec![
        format!("{:?}", ask!(asked, store, secrets_by_ids(of, &secrets))),
        format!("{:?}", ask!(asked, store, secrets_by_names(of, &same))),
        format!("{:?}", ask!(asked, store, secrets(of, &everything, &page))),
        format!("{:?}", ask!(asked, store, count_secrets(of, &everything))),
        format!("{:?}", ask!(asked, store, variables_by_ids(of, &variables))),
        format!("{:?}", ask!(asked, store, variables_by_names(of, &same))),
        format!("{:?}", ask!(asked, store, variables(of, &everything, &page))),
        format!("{:?}", ask!(asked, store, count_variables(of, &everything))),
        format!("{:?}", ask!(asked, store, services_by_ids(of, &called))),
        format!("{:?}", ask!(asked, store, services_by_names(of, &same))),
        format!("{:?}", ask!(asked, store, services(of, &services, &page))),
        format!("{:?}", ask!(asked, store, count_services(of, &services))),
        format!("{:?}", ask!(asked, store, all_services(of, 100))),
        format!("{:?}", ask!(asked, store, resource_loaders_by_ids(of, &resources))),
        format!("{:?}", ask!(asked, store, resource_loaders_by_names(of, &same))),
        format!("{:?}", ask!(asked, store, resource_loaders(of, &everything, &page))),
        format!("{:?}", ask!(asked, store, count_resource_loaders(of, &everything))),
        format!("{:?}", ask!(asked, store, resource_loaders_of(of, "same", 100))),
    ];
    for part in names() {
        seen.push(format!("{:?}", ask!(asked, store, part_uses(of, &part, 100))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let (store, own, theirs) = (&database.store, intruder.id, &victim.parts);
    let mine = SecretRow { id: theirs.secret, ..secret_row(own, "mine now") };
    assert_eq!(ask!(asked, store, save_secret(mine, 1)), PartSaved::MovedOn);
    let mine = VariableRow { id: theirs.variable, ..variable_row(own, "mine now") };
    assert_eq!(ask!(asked, store, save_variable(mine, 1)), PartSaved::MovedOn);
    let mine = ServiceRow { id: theirs.service, ..service_row(own, "mine now") };
    assert_eq!(ask!(asked, store, save_service(mine, 1)), PartSaved::MovedOn);
    let mine = ResourceLoaderRow { id: theirs.resource, ..resource_row(own, "mine now") };
    assert_eq!(ask!(asked, store, save_resource_loader(mine, 1)), PartSaved::MovedOn);
    ask!(asked, store, note_secret_use(own, &[theirs.secret], 9));
    assert_eq!(ask!(asked, store, delete_secret(own, theirs.secret)), PartDeleted::Absent);
    assert_eq!(ask!(asked, store, delete_variable(own, theirs.variable)), PartDeleted::Absent);
    assert_eq!(ask!(asked, store, delete_service(own, theirs.service)), PartDeleted::Absent);
    assert_eq!(ask!(asked, store, delete_resource_loader(own, theirs.resource)), PartDeleted::Absent);
}
