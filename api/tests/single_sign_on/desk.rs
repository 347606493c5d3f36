//! A server with identity providers, and browsers that sign in there.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use engine::Timestamp;
use http_body_util::BodyExt;
use ids::{IdentityProviderId, OrganizationId, SessionId, UserId};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use service::identity::oidc::{ProviderInput, SingleSignOn, set};
use service::identity::tokens;
use service::sealed::Secret;
use service::{Clock, Services, Settings, Viewer};
use sluice_api::graphql::{ServerMode, schema};
use sluice_api::{FrontDoor, Guarded, Health, HttpConfig, Shutdown};
use store::{DatabaseUrl, Store, StoreConfig};
use tower::ServiceExt;

use crate::single_sign_on::provider::{CLIENT, Internet, Provider, SECRET};

pub const SITE: &str = "https://sluice.example.com";

pub struct Desk {
    pub services: Services,
    pub clock: Clock,
    /// The company's provider, and one of somebody else.
    pub company: Arc<Provider>,
    pub company_id: IdentityProviderId,
    pub other: Arc<Provider>,
    pub other_id: IdentityProviderId,
    router: Router,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let clock = Clock::fake(Timestamp(1_790_000_000_000));
        let settings = Settings { public_url: SITE.to_owned(), ..Settings::default() };
        let services =
            Services::new(store, WorkQueue::memory(), Notices::memory(), clock.clone(), settings).await.unwrap();
        let company = Provider::new("https://id.company.example", clock.clone());
        let other = Provider::new("https://id.other.example", clock.clone());
        let internet = Internet(vec![Arc::clone(&company), Arc::clone(&other)]);
        let single_sign_on = SingleSignOn::new(services.clone(), Arc::new(internet));
        let router = sluice_api::router(FrontDoor {
            executor: schema(services.clone(), ServerMode::Embedded),
            health: Health::default(),
            viewers: Arc::new(Guarded::new(services.clone())),
            metrics: None,
            single_sign_on: Some(single_sign_on),
            inbound: None,
            shutdown: Shutdown::new(),
            config: HttpConfig::default(),
        });
        let company_id = offer(&services, services.default_organization(), &company).await;
        let other_id = offer(&services, services.default_organization(), &other).await;
        Self { services, clock, company, company_id, other, other_id, router, _folder: folder }
    }

    /// Somebody who has an account here already, and is a member.
    pub async fn account(&self, email: &str) -> UserId {
        let user = store::UserRow {
            id: UserId::new(),
            email: Some(email.to_owned()),
            email_verified_at_ms: Some(1),
            display_name: "Known".to_owned(),
            is_service: false,
            is_active: true,
            time_zone: "UTC".to_owned(),
            preferences: "{}".to_owned(),
            created_at_ms: 1,
            last_seen_at_ms: None,
        };
        let membership = store::MembershipRow {
            id: ids::MembershipId::new(),
            organization_id: self.services.default_organization(),
            user_id: user.id,
            role_id: service::identity::BuiltInRole::Owner.id(),
            invited_by: None,
            joined_at_ms: 1,
        };
        let id = user.id;
        self.services.store().insert_user(user, None).await.unwrap();
        self.services.store().insert_membership(membership).await.unwrap();
        id
    }

    /// Who has a subject of the company's provider.
    pub async fn known(&self, subject: &str) -> Option<UserId> {
        let known = self.services.store().user_identity(self.company_id, subject).await.unwrap();
        known.map(|known| known.user_id)
    }

    pub async fn role_of(&self, user: UserId) -> Option<&'static str> {
        let organization = self.services.default_organization();
        let membership = self.services.store().membership_of(organization, user).await.unwrap()?;
        service::identity::BuiltInRole::by_id(membership.role_id).map(service::identity::BuiltInRole::name)
    }
}

/// Sets a provider up, with roles by groups.
pub async fn offer(services: &Services, organization: OrganizationId, provider: &Provider) -> IdentityProviderId {
    let input = ProviderInput {
        id: None,
        name: "Company".to_owned(),
        issuer: provider.issuer.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::new(SECRET)),
        role_mapping: mapping(),
        is_enabled: true,
    };
    set(services, &Viewer::owner(organization), input).await.unwrap().id
}

pub fn mapping() -> Value {
    json!({ "rules": [
        { "claim": "groups", "value": "admins", "role": "admin" },
        { "claim": "groups", "value": "staff", "role": "workflow_viewer" },
    ] })
}

/// A person of the company.
pub fn ada() -> Value {
    json!({ "sub": "ada", "name": "Ada", "email": "Ada@Example.com", "email_verified": true, "groups": ["staff"] })
}

/// Keeps cookies, as browsers do.
#[derive(Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

pub struct Seen {
    pub status: StatusCode,
    pub location: String,
    pub text: String,
}

impl Seen {
    /// The code on the page.
    pub fn code(&self) -> &str {
        self.text.split("/docs/errors/").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }
}

impl Browser {
    pub async fn send(&mut self, desk: &Desk, mut request: Request<Body>) -> Seen {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let response = desk.router.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure") && cookie.contains("; Path=/;"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{cookie}");
            if cookie.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response.headers().get(header::LOCATION);
        let location = location.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Seen { status, location, text: String::from_utf8_lossy(&body).into_owned() }
    }

    pub async fn get(&mut self, desk: &Desk, path: &str) -> Seen {
        self.send(desk, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Begins a sign-in; where the browser is sent.
    pub async fn start(&mut self, desk: &Desk, provider: IdentityProviderId) -> String {
        let seen = self.get(desk, &format!("/auth/oidc/{provider}/start?return_to=/workflows")).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
        seen.location
    }

    /// Comes back from a provider.
    pub async fn back(&mut self, desk: &Desk, query: &str) -> Seen {
        self.get(desk, &format!("/auth/oidc/callback?{query}")).await
    }

    /// Signs in at the company's provider from the beginning to the end.
    pub async fn sign_in(&mut self, desk: &Desk, claims: Value) -> Seen {
        let location = self.start(desk, desk.company_id).await;
        let query = desk.company.sign_in(&location, claims);
        self.back(desk, &query).await
    }

    pub fn session(&self, desk: &Desk) -> Option<(UserId, SessionId)> {
        let token = tokens::verify(&desk.services, self.cookies.get("__Host-sluice_access")?).unwrap();
        Some((token.user, token.session))
    }
}
