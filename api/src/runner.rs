//! Runs one operation: within its time, panics caught, errors settled.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::{Executor, Request, Response, ServerError};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use serde::ser::{Serialize, SerializeMap, Serializer};
use service::audit::Trail;
use service::{Code, Origin, Viewer};
use tracing::Instrument;

use crate::cookies::Cookies;
use crate::errors;
use crate::guard::OperationKind;
use crate::operation::Operation;
use crate::rates::Account;
use crate::request_id::RequestId;
use crate::watch::{Ended, Watch};

/// What one operation, or one event of a subscription, answers.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response,
    pub sort: ReplySort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplySort {
    /// Executed, perhaps with errors in fields.
    Executed,
    /// Refused before execution.
    Refused,
    /// Not ended within its time.
    TimedOut,
    /// Panicked.
    Broken,
}

/// Who asks, and under which id.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Nobody, when the request carries no credentials.
    pub viewer: Option<Viewer>,
    pub origin: Origin,
    pub id: RequestId,
    /// What the answer leaves in a browser.
    pub cookies: Cookies,
    /// Who pays.
    pub account: Account,
}

impl Caller {
    /// What resolvers find in the data of the request.
    fn into_data(self, request: Request) -> Request {
        // A socket has many operations, and each leaves a trail of its own.
        let origin = Origin { trail: Trail::default(), ..self.origin };
        let request = match self.viewer {
            Some(viewer) => request.data(Viewer { origin: origin.clone(), ..viewer }),
            None => request,
        };
        request.data(origin).data(self.id).data(self.cookies).data(self.account)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Runner<E> {
    executor: E,
    /// Queries and mutations end within this.
    time_limit: Duration,
}

impl Reply {
    pub fn refused(error: ServerError) -> Self {
        Self { response: Response::from_errors(vec![error]), sort: ReplySort::Refused }
    }

    /// The last reply of a stream whose caller is served no more.
    fn ended(why: Ended) -> Self {
        Self {
            response: Response::from_errors(vec![errors::server_error(why.code(), why.told())]),
            sort: ReplySort::Refused,
        }
    }

    fn of(mut response: Response, id: &RequestId) -> Self {
        let sort = if errors::is_refusal(&response) { ReplySort::Refused } else { ReplySort::Executed };
        errors::settle(&mut response, id);
        Self { response, sort }
    }

    fn broken(payload: &(dyn std::any::Any + Send), id: &RequestId) -> Self {
        tracing::error!(request.id = %id, panic = errors::panic_text(payload), "a resolver panicked");
        metrics::counter!("sluice_panics_total", "where" => "resolver").increment(1);
        Self { response: Response::from_errors(vec![errors::internal(id)]), sort: ReplySort::Broken }
    }

    fn timed_out(limit: Duration) -> Self {
        let message = format!("the operation did not end within {} seconds", limit.as_secs());
        Self {
            response: Response::from_errors(vec![errors::server_error(Code::Unavailable, message)]),
            sort: ReplySort::TimedOut,
        }
    }

    pub fn errors(&self) -> &[ServerError] {
        &self.response.errors
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a response has text keys and no failing values")
    }
}

/// The GraphQL specification wants no `data` in the answer to a request that was not executed.
impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.response.errors.is_empty() {
            map.serialize_entry("errors", &self.response.errors)?;
        }
        if self.sort == ReplySort::Executed {
            map.serialize_entry("data", &self.response.data)?;
        }
        if !self.response.extensions.is_empty() {
            map.serialize_entry("extensions", &self.response.extensions)?;
        }
        map.end()
    }
}

impl<E: Executor> Runner<E> {
    pub const fn new(executor: E, time_limit: Duration) -> Self {
        Self { executor, time_limit }
    }

    /// Runs a query or mutation to its end.
    pub async fn once(&self, operation: Operation, caller: &Caller) -> Reply {
        let request = caller.clone().into_data(operation.request);
        let execution = AssertUnwindSafe(self.executor.execute(request)).catch_unwind();
        match tokio::time::timeout(self.time_limit, execution).await {
            Ok(Ok(response)) => Reply::of(response, &caller.id),
            Ok(Err(payload)) => Reply::broken(&*payload, &caller.id),
            Err(_elapsed) => Reply::timed_out(self.time_limit),
        }
    }

    /// Like [`Self::stream`], for as long as the caller may be served.
    pub fn watched(
        self: Arc<Self>,
        operation: Operation,
        caller: Caller,
        watch: Option<Watch>,
    ) -> BoxStream<'static, Reply> {
        let mut replies = self.stream(operation, caller);
        let Some(watch) = watch else { return replies };
        let mut ended = Box::pin(watch.ended());
        let mut is_over = false;
        stream::poll_fn(move |cx| {
            if is_over {
                return Poll::Ready(None);
            }
            // Asked first, so that nothing of the operation follows the end.
            if let Poll::Ready(why) = ended.poll_unpin(cx) {
                is_over = true;
                return Poll::Ready(Some(Reply::ended(why)));
            }
            replies.poll_next_unpin(cx)
        })
        .boxed()
    }

    /// Runs any operation; a query or mutation is a stream of one reply.
    pub fn stream(self: Arc<Self>, operation: Operation, caller: Caller) -> BoxStream<'static, Reply> {
        match operation.kind {
            Some(OperationKind::Subscription) => self.events(operation, caller),
            Some(OperationKind::Query | OperationKind::Mutation) | None => {
                let span = tracing::Span::current();
                stream::once(async move { self.once(operation, &caller).await }.instrument(span)).boxed()
            }
        }
    }

    fn events(self: Arc<Self>, operation: Operation, caller: Caller) -> BoxStream<'static, Reply> {
        let id = caller.id.clone();
        let request = caller.into_data(operation.request);
        // Lazily, so that a panic on the way to the stream is caught like one inside it.
        let events = stream::once(async move { self.executor.execute_stream(request, None) }).flatten();
        AssertUnwindSafe(events)
            .catch_unwind()
            .map(move |event| match event {
                Ok(response) => Reply::of(response, &id),
                Err(payload) => Reply::broken(&*payload, &id),
            })
            .boxed()
    }
}
