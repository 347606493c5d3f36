//! What an organization has set up for its workflows, to ask for.

use serde_json::json;
use service::parts::resources::{self, ResourceLoaderCreateInput};
use service::parts::secrets::{self, SecretSetInput};
use service::parts::services::{self as registered, ServiceAuthenticationInput, ServiceCreateInput};
use service::parts::variables::{self, VariableSetInput};
use service::parts::{AuthenticationKind, ServiceKind};
use service::sealed::Secret;
use service::{Services, Viewer};

use crate::authorization::world::Kind;

/// A secret, a variable, a service that is called with the secret, and a resource of the service.
pub async fn of_parts(services: &Services, owner: &Viewer) -> Vec<(Kind, String)> {
    let input = SecretSetInput {
        name: "token".to_owned(),
        value: Some(Secret::new("of the first organization")),
        description: None,
        allowed_hosts: None,
        rotate_at_ms: None,
        expected_revision: None,
    };
    let secret = secrets::set(services, owner, input).await.unwrap();
    let input = VariableSetInput {
        name: "limit".to_owned(),
        value: json!("of the first organization"),
        description: None,
        schema: None,
        expected_revision: None,
    };
    let variable = variables::set(services, owner, input).await.unwrap();
    let input = ServiceCreateInput {
        name: "shop".to_owned(),
        title: None,
        kind: ServiceKind::Http,
        base_url: Some("https://of-the-first.example.com".to_owned()),
        authentication: Some(ServiceAuthenticationInput {
            kind: AuthenticationKind::Bearer,
            secret_id: Some(secret.id),
            header_name: None,
        }),
        settings: None,
    };
    let service = registered::create(services, owner, input).await.unwrap();
    let input = ResourceLoaderCreateInput {
        resource: "order.details".to_owned(),
        description: None,
        service_id: service.id,
        request: json!({ "path": "/orders/{{order.id}}" }),
        result_path: None,
        output_schema: None,
        is_required: false,
        time_to_live_ms: 0,
    };
    let resource = resources::create(services, owner, input).await.unwrap();
    vec![
        (Kind::Secret, secret.id.to_string()),
        (Kind::Variable, variable.id.to_string()),
        (Kind::Service, service.id.to_string()),
        (Kind::ResourceLoader, resource.id.to_string()),
    ]
}
