//! [`Proxy`]: a request from its receipt to its response.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::TRANSFER_ENCODING;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use meshpool::limits::Destination;
use meshpool::outbound::retry::{NotRetried, RetryPolicy, RetryRecord, RetryStats};
use meshpool::outbound::{Client, Error, ErrorKind, ResponseBody};
use tower::retry::Retry;
use tower::{Service, ServiceExt, service_fn};

use crate::BoxError;
use crate::access_log::AccessLog;
use crate::body::Reply;
use crate::connector::connector;
use crate::counts::Counts;
use crate::deadline::Deadline;
use crate::fault::Fault;
use crate::flags::{Flags, Upstream, UpstreamProtocol};
use crate::headers::{remove_expectation, remove_hop_by_hop};
use crate::outgoing::Outgoing;
use crate::record::Record;
use crate::reply::{Asker, Failure};
use crate::rules::Rules;
use crate::upload::Upload;

/// Forwards requests to the upstream.
pub(crate) struct Proxy {
    client: Client<Outgoing>,
    retries: Option<RetryPolicy<Outgoing>>,
    upstream: Upstream,
    timeout: Duration,
    log: Option<AccessLog>,
    counts: Arc<Counts>,
}

impl Proxy {
    pub(crate) fn new(
        flags: &Flags,
        rules: Arc<Rules>,
        log: Option<AccessLog>,
    ) -> Result<Self, BoxError> {
        let builder = Client::builder()
            .limits(rules.clone())
            .response_timeout(flags.per_try_timeout);
        let builder = match flags.upstream_protocol {
            UpstreamProtocol::H1 => builder.http1_only(),
            UpstreamProtocol::H2 => builder.http2_only(),
            UpstreamProtocol::Auto => builder,
        };
        let client = builder.build(connector(flags, rules)?);
        let retries = flags.retries().map(|retries| {
            RetryPolicy::with(&client, Outgoing::again)
                .on(retries.on)
                .retries(retries.most)
                .back_off(
                    flags.retry_back_off,
                    flags.retry_back_off.saturating_mul(10),
                )
        });
        Ok(Self {
            client,
            retries,
            upstream: flags.upstream.clone(),
            timeout: flags.timeout,
            log,
            counts: Arc::new(Counts::new()),
        })
    }

    pub(crate) fn client(&self) -> Client<Outgoing> {
        self.client.clone()
    }

    pub(crate) fn destination(&self) -> Destination {
        self.upstream.destination()
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// What retries have come to.
    pub(crate) fn retry_stats(&self) -> RetryStats {
        let policy = self.retries.as_ref();
        policy.map(RetryPolicy::stats).unwrap_or_default()
    }

    /// The response to a request: the upstream's, or one that says why there is none; unless there
    /// is nobody left to be given one.
    pub(crate) async fn forward(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Reply>, Fault> {
        let mut record = Record::new(&request, self.log.as_ref());
        let asker = Asker::of(&request);
        if request.method() == Method::CONNECT {
            return Ok(self.fail(Failure::NO_ROUTE, asker, false, record));
        }
        let (mut request, upload) = self.outgoing(request);
        let mut deadline = Deadline::new(self.timeout, upload.clone());
        let retried = self.retries.is_some().then(RetryRecord::default);
        if let Some(retried) = &retried {
            request.extensions_mut().insert(retried.clone());
        }

        let answer = uninterrupted(upload.as_ref(), &mut deadline, self.send(request)).await;

        let retried = retried.unwrap_or_default();
        match retried.not_retried() {
            Some(NotRetried::Overflow) => record.not_retried("UO"),
            Some(_) => record.not_retried("URX"),
            None => {}
        }
        let failure = match answer {
            Ok(Ok(response)) => {
                if let Some(upload) = upload {
                    upload.settle();
                }
                self.counts.completed(response.status());
                record.answered(response.status());
                return Ok(self.incoming(response, deadline, record));
            }
            Ok(Err(error)) => Failure::of(&error),
            Err(Interruption::Timeout) => {
                self.counts.rq_timeout.add();
                Failure::TIMEOUT
            }
            Err(Interruption::Upload(Fault::Malformed)) => Failure::BAD_REQUEST,
            Err(Interruption::Upload(fault)) => {
                record.failed(fault.flag());
                return Err(fault);
            }
        };
        if !failure.is_by_client() {
            self.counts.completed(failure.status);
        }
        Ok(self.fail(failure, asker, retried.retries() > 0, record))
    }

    /// What the upstream is sent, and whence that comes.
    fn outgoing(&self, request: Request<Incoming>) -> (Request<Outgoing>, Option<Upload>) {
        let (mut head, body) = request.into_parts();
        // What the client calls the host stays, whichever way it said so.
        if let Some(authority) = head.uri.authority() {
            if let Ok(host) = HeaderValue::from_str(host_of(authority.as_str())) {
                head.headers.insert(header::HOST, host);
            }
        }
        let mut uri = std::mem::take(&mut head.uri).into_parts();
        uri.scheme = Some(self.upstream.scheme.clone());
        uri.authority = Some(self.upstream.authority.clone());
        uri.path_and_query
            .get_or_insert_with(|| http::uri::PathAndQuery::from_static("/"));
        head.uri = Uri::from_parts(uri).expect("all parts are there");
        head.version = Version::HTTP_11;
        remove_hop_by_hop(&mut head.headers);
        remove_expectation(&mut head.headers);

        if body.is_end_stream() {
            return (Request::from_parts(head, Outgoing::Empty), None);
        }
        if body.size_hint().exact().is_none() {
            // Said for hyper, which would take a GET for one without a body.
            head.headers
                .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let (upload, sending) = Upload::new(body, self.retries.is_some());
        let request = Request::from_parts(head, Outgoing::Sending(sending));
        (request, Some(upload))
    }

    /// Sends a request, more than once if that is to be.
    async fn send(&self, request: Request<Outgoing>) -> Result<Response<ResponseBody>, Error> {
        let Some(policy) = &self.retries else {
            return self.send_once(request).await;
        };
        let once = service_fn(|request| self.send_once(request));
        Retry::new(policy.clone(), once).oneshot(request).await
    }

    async fn send_once(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<ResponseBody>, Error> {
        request.body_mut().begin();
        // A clone costs no more than a reference to it would.
        let answer = self.client.clone().call(request).await;
        if let Err(error) = &answer {
            if error.kind() == ErrorKind::ResponseTimeout {
                self.counts.rq_per_try_timeout.add();
            }
        }
        answer
    }

    /// The upstream's response, as the client gets it.
    fn incoming(
        &self,
        mut response: Response<ResponseBody>,
        deadline: Deadline,
        record: Record,
    ) -> Response<Reply> {
        remove_hop_by_hop(response.headers_mut());
        let mut response = Reply::upstream(response, deadline, self.counts.clone(), record);
        *response.version_mut() = Version::HTTP_11;
        response
    }

    fn fail(
        &self,
        failure: Failure,
        asker: Asker,
        was_retried: bool,
        mut record: Record,
    ) -> Response<Reply> {
        let response = failure.response(asker, was_retried);
        record.failed(failure.flag);
        record.answered(response.status());
        response.map(|text| Reply::local(text, record))
    }
}

/// An authority without the user.
fn host_of(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// What ends a request that has no answer yet.
enum Interruption {
    Timeout,
    /// The client's body has no end.
    Upload(Fault),
}

/// The answer that sending a request comes to, unless something else comes first.
async fn uninterrupted<F: Future>(
    upload: Option<&Upload>,
    deadline: &mut Deadline,
    sent: F,
) -> Result<F::Output, Interruption> {
    let mut unread = upload;
    let mut sent = pin!(sent);
    poll_fn(|cx| {
        let answer = sent.as_mut().poll(cx);
        // Even if there is an answer: where the upstream's connection reads the upload, it fails of
        // the same.
        if let Some(Poll::Ready(read)) = unread.map(|upload| upload.poll_ahead(cx)) {
            read.map_err(Interruption::Upload)?;
            unread = None;
        }
        match answer {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => deadline.poll(cx).map(|()| Err(Interruption::Timeout)),
        }
    })
    .await
}
