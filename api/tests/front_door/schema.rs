//! A schema with one field for each thing that can go wrong behind the door.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, EmptyMutation, Error, ErrorExtensions, Json, Object, Schema, Subscription};
use futures::stream::{self, Stream, StreamExt};
use service::{Code, Viewer};
use sluice_api::{ChargeCost, RequestId, limits, server_error};
use tokio::sync::Notify;

/// What tests observe of the resolvers.
#[derive(Debug, Default)]
pub struct Probe {
    pub mutations: AtomicUsize,
    /// Streams and fields that were dropped before their end.
    pub dropped: Notify,
    /// Fields that never end and were entered.
    pub entered: Notify,
}

pub struct Query;

#[Object]
impl Query {
    async fn echo(&self, text: Json<serde_json::Value>) -> String {
        text.0.to_string()
    }

    async fn number(&self, n: i32) -> i32 {
        n
    }

    async fn node(&self) -> Query {
        Query
    }

    async fn organization(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(ctx.data::<Viewer>()?.organization.to_string())
    }

    async fn request_id(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(ctx.data::<RequestId>()?.to_string())
    }

    async fn refuses(&self) -> async_graphql::Result<i32> {
        Err(Error::new("not for you").extend_with(|_, extensions| extensions.set("code", Code::Forbidden.as_str())))
    }

    async fn leaks(&self) -> async_graphql::Result<i32> {
        Err(Error::new("relation \"secret_table\" does not exist at /srv/db.rs:42"))
    }

    async fn leaks_io(&self) -> async_graphql::Result<i32> {
        Err(std::io::Error::other("/etc/secret: permission denied"))?
    }

    async fn panics(&self) -> i32 {
        bug()
    }

    async fn never(&self, ctx: &Context<'_>) -> async_graphql::Result<i32> {
        let probe = ctx.data::<Arc<Probe>>()?.clone();
        probe.entered.notify_one();
        let _told = TellsDrop(probe);
        std::future::pending().await
    }
}

fn bug() -> i32 {
    panic!("a resolver with a bug, near secret_table")
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn touch(&self, ctx: &Context<'_>) -> async_graphql::Result<usize> {
        Ok(ctx.data::<Arc<Probe>>()?.mutations.fetch_add(1, Ordering::SeqCst))
    }
}

pub struct Subscriptions;

#[Subscription]
impl Subscriptions {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    async fn forever(&self, ctx: &Context<'_>) -> async_graphql::Result<impl Stream<Item = i32>> {
        let told = TellsDrop(ctx.data::<Arc<Probe>>()?.clone());
        Ok(stream::iter([1]).chain(stream::pending()).inspect(move |_| {
            let _held = &told;
        }))
    }

    /// As many events of as many bytes as wished, always ready.
    async fn flood(&self, bytes: usize) -> impl Stream<Item = String> {
        let text = "x".repeat(bytes);
        stream::repeat_with(move || text.clone())
    }

    async fn breaks(&self) -> impl Stream<Item = i32> {
        stream::iter([1, 2]).map(|n| if n == 2 { panic!("a stream with a bug") } else { n })
    }

    async fn refused(&self) -> async_graphql::Result<impl Stream<Item = i32>> {
        let error = server_error(Code::Forbidden, "not for you");
        let mut refusal = Error::new(error.message);
        refusal.extensions = error.extensions;
        Err::<stream::Empty<i32>, _>(refusal)
    }
}

struct TellsDrop(Arc<Probe>);

impl Drop for TellsDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

pub type TestSchema = Schema<Query, Mutation, Subscriptions>;

pub fn schema(probe: Arc<Probe>) -> TestSchema {
    Schema::build(Query, Mutation, Subscriptions)
        .limit_depth(limits::MAX_DEPTH)
        .limit_complexity(limits::MAX_COST)
        .disable_suggestions()
        .data(probe)
        .extension(ChargeCost)
        .finish()
}

/// Only to see that the door takes any schema.
pub fn read_only() -> Schema<Query, EmptyMutation, async_graphql::EmptySubscription> {
    Schema::new(Query, EmptyMutation, async_graphql::EmptySubscription)
}
