//! What needs the permission to use secrets.

use super::*;

#[tokio::test]
async fn whoever_may_not_use_secrets_does_not_send_one_elsewhere_or_in_another_way() {
    let bed = Bed::new().await;
    let token = bed.secret("token", "hunter2").await;
    let called = |kind: AuthenticationKind, header: Option<&str>| ServiceAuthenticationInput {
        kind,
        secret_id: Some(token.id),
        header_name: header.map(str::to_owned),
    };
    let new = ServiceCreateInput {
        authentication: Some(called(AuthenticationKind::ApiKey, Some("x-key"))),
        ..new_service("billing", ServiceKind::Http, "https://api.example.com")
    };
    let lacking = bed.without(&[Permission::SecretUse]);
    let refused = services::create(&bed.services, &lacking, new.clone()).await;
    assert!(is_forbidden(refused, Permission::SecretUse));
    let row = services::create(&bed.services, &bed.viewer, new).await.unwrap();
    let otherwise = |kind: AuthenticationKind, header: Option<&str>| ServiceUpdateInput {
        authentication: Some(called(kind, header)),
        ..Default::default()
    };
    let elsewhere = ServiceUpdateInput { base_url: Some("https://evil.example".to_owned()), ..Default::default() };
    for change in
        [elsewhere, otherwise(AuthenticationKind::ApiKey, Some("x-shown")), otherwise(AuthenticationKind::Bearer, None)]
    {
        let refused = services::update(&bed.services, &lacking, row.id, change).await;
        assert!(is_forbidden(refused, Permission::SecretUse));
    }
    let same = otherwise(AuthenticationKind::ApiKey, Some("x-key"));
    let titled = ServiceUpdateInput { title: Some("Billing".to_owned()), ..same };
    services::update(&bed.services, &lacking, row.id, titled).await.unwrap();
}

#[tokio::test]
async fn whoever_may_not_use_secrets_does_not_go_back_to_a_version_that_names_some() {
    let bed = Bed::new().await;
    bed.secret("token", "hunter2").await;
    variables::set(&bed.services, &bed.viewer, variable("region", json!("eu"))).await.unwrap();
    bed.service("crm", ServiceKind::Records, "https://crm.example.com").await;
    let lacking = bed.without(&[Permission::SecretUse]);
    let workflow = bed.published(&bed.viewer, USING).await.unwrap().workflow.unwrap().id;
    let without = "workflow_id: orders\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n";
    bed.published(&lacking, without).await.unwrap();
    let back = |viewer: Viewer, number: i32| {
        let services = bed.services.clone();
        async move { workflows::rollback(&services, &viewer, workflow, number, "it was better".to_owned()).await }
    };
    assert!(is_forbidden(back(lacking.clone(), 1).await, Permission::SecretUse));
    back(bed.viewer.clone(), 1).await.unwrap();
    back(lacking, 2).await.unwrap();
}
