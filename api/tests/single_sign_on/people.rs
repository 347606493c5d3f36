use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use service::identity::oidc::{self, ProviderInput, set};
use service::{Code, ServiceError, Viewer};

use crate::single_sign_on::desk::{Browser, Desk, SITE, ada, mapping};
use crate::single_sign_on::keys::Sign;
use crate::single_sign_on::provider::{CLIENT, SECRET};

#[tokio::test]
async fn whoever_has_a_role_at_the_provider_comes_back_signed_in() {
    let (desk, mut browser) = (Desk::new().await, Browser::default());
    let seen = browser.sign_in(&desk, ada()).await;
    assert_eq!((seen.status, seen.location.as_str()), (StatusCode::SEE_OTHER, "/workflows"), "{}", seen.text);
    let names: Vec<_> = browser.cookies.keys().map(String::as_str).collect();
    assert_eq!(names, ["__Host-sluice_access", "__Host-sluice_refresh"]);
    let (user, _session) = browser.session(&desk).unwrap();
    let account = desk.services.store().user(user).await.unwrap().unwrap();
    assert_eq!(account.email.as_deref(), Some("ada@example.com"));
    assert_eq!(account.email_verified_at_ms, Some(desk.clock.now().0));
    assert_eq!((account.display_name.as_str(), desk.role_of(user).await), ("Ada", Some("workflow_viewer")));
}

#[tokio::test]
async fn tokens_signed_in_each_accepted_way_are_believed() {
    let desk = Desk::new().await;
    for sign in [Sign::Rs256, Sign::Es256, Sign::EdDsa] {
        desk.company.manner.lock().unwrap().sign = sign;
        let seen = Browser::default().sign_in(&desk, ada()).await;
        assert_eq!(seen.location, "/workflows", "{sign:?}: {}", seen.text);
    }
}

#[tokio::test]
async fn the_same_subject_is_the_same_account_whatever_its_address_and_its_role_follows() {
    let desk = Desk::new().await;
    let (mut first, mut second) = (Browser::default(), Browser::default());
    first.sign_in(&desk, ada()).await;
    let user = first.session(&desk).unwrap().0;
    let mut changed = ada();
    changed["email"] = json!("grace@example.com");
    changed["groups"] = json!(["staff", "admins"]);
    second.sign_in(&desk, changed).await;
    assert_eq!(second.session(&desk).unwrap().0, user);
    assert_eq!(desk.role_of(user).await, Some("admin"));

    let mut left = ada();
    left["groups"] = json!([]);
    let seen = Browser::default().sign_in(&desk, left).await;
    assert_eq!((seen.status, seen.code()), (StatusCode::FORBIDDEN, "SIGN_IN_NO_ROLE"));
    assert_eq!(desk.role_of(user).await, None);
}

#[tokio::test]
async fn two_first_sign_ins_at_once_make_one_account() {
    let desk = Desk::new().await;
    let (mut first, mut second) = (Browser::default(), Browser::default());
    let (one, two) = tokio::join!(first.sign_in(&desk, ada()), second.sign_in(&desk, ada()));
    assert_eq!((one.location.as_str(), two.location.as_str()), ("/workflows", "/workflows"));
    assert_eq!(first.session(&desk).unwrap().0, second.session(&desk).unwrap().0);
}

#[tokio::test]
async fn two_tabs_sign_in_beside_each_other() {
    let (desk, mut browser) = (Desk::new().await, Browser::default());
    let (one, two) = (browser.start(&desk, desk.company_id).await, browser.start(&desk, desk.company_id).await);
    for location in [one, two] {
        let query = desk.company.sign_in(&location, ada());
        assert_eq!(browser.back(&desk, &query).await.location, "/workflows");
    }
}

/// Asks for the link of an identity, as a page of `origin` does.
fn link(desk: &Desk, origin: &str) -> Request<Body> {
    let path = format!("/auth/oidc/{}/link?return_to=/workflows", desk.company_id);
    Request::post(path).header("origin", origin).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn whoever_is_signed_in_links_an_identity_and_signs_in_with_it_from_then_on() {
    let desk = Desk::new().await;
    let user = desk.account("ada@example.com").await;
    let mut browser = Browser::default();
    let origin = service::Origin::default();
    let session = service::identity::sessions::open(&desk.services, user, None, &origin).await.unwrap();
    browser.cookies.insert("__Host-sluice_access".to_owned(), session.access_token);

    let foreign = browser.send(&desk, link(&desk, "https://evil.example")).await;
    assert_eq!(foreign.status, StatusCode::UNAUTHORIZED);
    let anonymous = Browser::default().send(&desk, link(&desk, SITE)).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);

    let begun = browser.send(&desk, link(&desk, SITE)).await;
    let query = desk.company.sign_in(&begun.location, ada());
    assert_eq!(browser.back(&desk, &query).await.location, "/workflows");
    assert_eq!(desk.known("ada").await, Some(user));
    let mut elsewhere = Browser::default();
    elsewhere.sign_in(&desk, ada()).await;
    assert_eq!(elsewhere.session(&desk).unwrap().0, user);
    // People made them the owner: the provider does not make them less.
    assert_eq!(desk.role_of(user).await, Some("owner"));
}

#[tokio::test]
async fn a_client_secret_is_stored_sealed_and_stays_when_it_is_not_given() {
    let desk = Desk::new().await;
    let (services, viewer) = (&desk.services, Viewer::owner(desk.services.default_organization()));
    let input = ProviderInput {
        id: Some(desk.company_id),
        name: "Renamed".to_owned(),
        issuer: desk.company.issuer.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: None,
        role_mapping: mapping(),
        is_enabled: true,
    };
    let row = set(services, &viewer, input).await.unwrap();
    assert!(row.client_secret.as_ref().is_some_and(|sealed| !sealed.contains(SECRET)));
    assert!(!format!("{row:?}{:?}", viewer.origin.trail.take()).contains(SECRET));
    assert_eq!(Browser::default().sign_in(&desk, ada()).await.location, "/workflows");

    oidc::delete(services, &viewer, desk.company_id).await.unwrap();
    let seen = Browser::default().get(&desk, &format!("/auth/oidc/{}/start", desk.company_id)).await;
    assert_eq!((seen.status, seen.code()), (StatusCode::NOT_FOUND, "NOT_FOUND"));
}

#[tokio::test]
async fn a_provider_is_refused_with_all_its_mistakes_and_gives_no_more_than_who_sets_it_up() {
    let desk = Desk::new().await;
    let organization = desk.services.default_organization();
    let input = |issuer: &str, role: &str| ProviderInput {
        id: None,
        name: " ".to_owned(),
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: None,
        role_mapping: json!({ "default": role }),
        is_enabled: true,
    };
    let fields = |result: Result<_, ServiceError>| match result {
        Err(ServiceError::Mistakes(mistakes)) => {
            mistakes.into_iter().map(|mistake| (mistake.field.join("."), mistake.code)).collect()
        }
        _ => Vec::new(),
    };
    let owner = Viewer::owner(organization);
    let found = fields(set(&desk.services, &owner, input("http://id.example.com", "nobody")).await.map(|_row| ()));
    let wanted = [("name", Code::Required), ("issuer", Code::Invalid), ("roleMapping", Code::Invalid)];
    assert_eq!(found, wanted.map(|(field, code)| (field.to_owned(), code)));
    for role in ["owner", "admin"] {
        let small = Viewer {
            permissions: [service::viewer::Permission::OrganizationWrite].into_iter().collect(),
            ..owner.clone()
        };
        let found = fields(set(&desk.services, &small, input("https://id.example.com", role)).await.map(|_row| ()));
        assert!(found.contains(&("roleMapping".to_owned(), Code::Invalid)), "{role}: {found:?}");
    }
    let none = Viewer { permissions: service::viewer::Permissions::NONE, ..owner };
    let refused = set(&desk.services, &none, input("https://id.example.com", "admin")).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{refused:?}");
}
