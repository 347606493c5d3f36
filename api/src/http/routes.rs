//! Every route with what it asks for: the router is made of this table and of nothing else.

use std::sync::Arc;

use async_graphql::Executor;
use axum::routing::{MethodRouter, any, get, post};

use super::{Probes, Shared, events, graphiql, graphql, health, hooks, method_not_allowed, oidc, pages};
use crate::graphql::ApiSchema;
use crate::ws;
use axum::response::Redirect;

/// What a route asks for before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: whoever reaches the server may ask.
    Public,
    /// What each field of the operation declares; wrong credentials are refused at once.
    Fields,
    /// Some credentials, whoever they belong to; then what each field declares.
    SignedIn,
    /// A signature, unless whoever made the address wants none.
    Signature,
}

impl Access {
    /// As the documentation calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Fields => "fields",
            Self::SignedIn => "signed in",
            Self::Signature => "signature",
        }
    }
}

/// A route and what answers there.
pub(super) struct Route<S> {
    pub path: &'static str,
    pub access: Access,
    pub methods: MethodRouter<S>,
}

/// The routes of the API, probes left out; those of GraphiQL where browsers get it.
pub(super) fn table<E: Executor>(has_graphiql: bool) -> Vec<Route<Arc<Shared<E>>>> {
    let route = |path, access, methods| Route { path, access, methods };
    let operations = if has_graphiql { get(graphiql::page) } else { get(graphiql::no_page) };
    let operations = operations.post(graphql::post::<E>).fallback(method_not_allowed);
    let mut routes = vec![
        route("/.well-known/security.txt", Access::Public, get(pages::security::<E>)),
        route("/graphql", Access::Fields, operations),
        route("/graphql/ws", Access::SignedIn, any(ws::upgrade::<E>)),
        route("/docs/problems", Access::Public, get(pages::problems)),
        route("/docs/errors/{code}", Access::Public, get(pages::error)),
    ];
    if has_graphiql {
        routes.push(route("/", Access::Public, get(|| async { Redirect::temporary("/graphql") })));
        routes.push(route("/graphql/assets/{*path}", Access::Public, get(graphiql::asset)));
    }
    routes
}

/// The way to identity providers and back, where people may sign in with them.
pub(super) fn single_sign_on() -> Vec<Route<oidc::Desk>> {
    let route = |path, access, methods| Route { path, access, methods };
    vec![
        route("/auth/oidc/callback", Access::Public, get(oidc::callback)),
        route("/auth/oidc/{provider}/start", Access::Public, get(oidc::start)),
        route("/auth/oidc/{provider}/link", Access::SignedIn, post(oidc::link)),
    ]
}

/// Where events come that are no operations of the API.
pub(super) fn events() -> Vec<Route<events::Desk>> {
    vec![Route { path: "/events/{organization}", access: Access::SignedIn, methods: post(events::post) }]
}

/// Addresses that others call to start workflows.
pub(super) fn hooks() -> Vec<Route<hooks::Desk>> {
    vec![Route { path: "/hooks/{organization}/{*path}", access: Access::Signature, methods: any(hooks::call) }]
}

/// What probes ask; `/metrics` where something is measured.
pub(super) fn probes(has_metrics: bool) -> Vec<Route<Arc<Probes>>> {
    let route = |path, methods| Route { path, access: Access::Public, methods };
    let mut routes = vec![route("/livez", get(health::livez)), route("/readyz", get(health::readyz))];
    if has_metrics {
        // Numbers about the process, never about one tenant; a firewall keeps others away from it.
        routes.push(route("/metrics", get(health::metrics)));
    }
    routes
}

/// Every route of a process that serves the API, and what it asks for.
#[must_use]
pub fn routes() -> Vec<(&'static str, Access)> {
    let api = table::<ApiSchema>(true).into_iter().map(|route| (route.path, route.access));
    let single_sign_on = single_sign_on().into_iter().map(|route| (route.path, route.access));
    let events = events().into_iter().map(|route| (route.path, route.access));
    let hooks = hooks().into_iter().map(|route| (route.path, route.access));
    api.chain(single_sign_on)
        .chain(events)
        .chain(hooks)
        .chain(probes(true).into_iter().map(|route| (route.path, route.access)))
        .collect()
}
