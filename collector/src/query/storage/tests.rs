//! As a client sees it, over a socket.

use std::collections::BTreeSet;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

use super::messages::{Pagination, Query, TraceById};
use super::*;
use crate::{Collector, config};

/// A collector and a client of its storage.
struct Remote {
    _collector: Collector,
    channel: Channel,
    _directory: tempfile::TempDir,
}

impl Remote {
    async fn start() -> Remote {
        Remote::start_with("").await
    }

    async fn start_with(yaml: &str) -> Remote {
        let directory = tempfile::tempdir().unwrap();
        let ports = ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]
            .map(|place| (format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0".to_owned()));
        let mut config = config::load(yaml, ports).unwrap();
        config.storage.directory = directory.path().to_owned();
        let collector = Collector::start(&config).await.unwrap();
        let address = collector.addresses.iter().find(|(place, _)| *place == "remote_storage").unwrap().1;
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Remote { _collector: collector, channel, _directory: directory }
    }

    /// Stores traces with these numbers, of one span each.
    async fn store(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.store_span(number, format!("call {number}")).await;
        }
    }

    async fn store_span(&self, number: u64, name: String) {
        let span = Span {
            trace_id: u128::from(number).to_be_bytes().to_vec(),
            span_id: number.to_be_bytes().to_vec(),
            name,
            start_time_unix_nano: 1000,
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans };
        TraceServiceClient::new(self.channel.clone()).export(request).await.unwrap();
    }

    async fn ask<M: Message + 'static, R: Message + Default + 'static>(
        &self,
        method: &str,
        message: M,
    ) -> Result<R, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::try_from(format!("/jaeger.storage.v2.{method}")).unwrap();
        let answer = client.unary(tonic::Request::new(message), path, ProstCodec::<M, R>::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn stream<M: Message + 'static, R: Message + Default + 'static>(
        &self,
        method: &str,
        message: M,
    ) -> Result<Vec<R>, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::try_from(format!("/jaeger.storage.v2.TraceReader/{method}")).unwrap();
        let answer = client.server_streaming(tonic::Request::new(message), path, ProstCodec::<M, R>::default()).await;
        let (mut parts, mut all) = (answer?.into_inner(), Vec::new());
        while let Some(part) = parts.message().await? {
            all.push(part);
        }
        Ok(all)
    }

    /// Waits until the index is open, and has so many traces.
    async fn wait_for(&self, count: usize) {
        let all = async {
            let find = || Find { query: Some(Query { search_depth: 1000, ..Query::default() }) };
            let found = async || self.ask::<_, TraceIds>("TraceReader/FindTraceIDs", find()).await;
            while found().await.map_or(0, |answer| answer.trace_ids.len()) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("what was stored is found");
    }
}

fn paged(page_token: &str) -> Find {
    let pagination = Some(Pagination { page_size: 10, page_token: page_token.to_owned() });
    Find { query: Some(Query { pagination, ..Query::default() }) }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_every_trace_once_whatever_comes_meanwhile() {
    let remote = Remote::start().await;
    remote.store(1..26).await;
    remote.wait_for(25).await;
    let (mut ids, mut summaries) = (Vec::new(), Vec::new());
    let (mut token, mut summary_token) = (String::new(), String::new());
    for page in 0..3 {
        let answer: TraceIds = remote.ask("TraceReader/FindTraceIDs", paged(&token)).await.unwrap();
        ids.extend(answer.trace_ids.into_iter().map(|found| found.trace_id));
        let answers: Vec<TraceSummaries> = remote.stream("FindTraceSummaries", paged(&summary_token)).await.unwrap();
        assert!(answers.iter().all(|answer| answer.summaries.len() == 1));
        summary_token = answers.last().unwrap().next_page_token.clone();
        summaries.extend(answers.into_iter().flat_map(|answer| answer.summaries));
        token = answer.next_page_token;
        assert_eq!((token.is_empty(), summary_token.is_empty()), (page == 2, page == 2));
        remote.store(100 + page..101 + page).await;
        remote.wait_for(26 + page as usize).await;
    }
    let expected: BTreeSet<Vec<u8>> = (1..26_u128).map(|id| id.to_be_bytes().to_vec()).collect();
    assert_eq!((ids.len(), ids.into_iter().collect::<BTreeSet<_>>()), (25, expected.clone()));
    assert_eq!((summaries.len(), &*summaries[0].root_operation_name), (25, "call 25"));
    assert_eq!(summaries.into_iter().map(|summary| summary.trace_id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(
        remote.ask::<_, TraceIds>("TraceReader/FindTraceIDs", paged("x")).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_of_one_trace_and_none_is_empty() {
    let remote = Remote::start().await;
    remote.store(1..4).await;
    remote.wait_for(3).await;
    let find = Find { query: Some(Query::default()) };
    let found: Vec<TracesData> = remote.stream("FindTraces", find).await.unwrap();
    let names = |data: &TracesData| {
        data.resource_spans[0].scope_spans[0].spans.iter().map(|span| span.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found.iter().map(names).collect::<Vec<_>>(), [["call 3"], ["call 2"], ["call 1"]]);
    let by_id = |ids: &[u128]| TracesById {
        query: ids.iter().map(|id| TraceById { trace_id: id.to_be_bytes().into() }).collect(),
    };
    let found: Vec<TracesData> = remote.stream("GetTraces", by_id(&[7, 2])).await.unwrap();
    assert_eq!(found.iter().map(names).collect::<Vec<_>>(), [["call 2"]]);
    assert_eq!(remote.stream::<_, TracesData>("GetTraces", by_id(&[7])).await.unwrap(), []);
    let wrong = TracesById { query: vec![TraceById { trace_id: vec![1] }] };
    assert_eq!(remote.stream::<_, TracesData>("GetTraces", wrong).await.unwrap_err().code(), Code::InvalidArgument);
    let answer: Capabilities = remote.ask("Capabilities/GetCapabilities", Empty {}).await.unwrap();
    assert!(answer.search.unwrap().paginated);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_or_writes_without_the_token() {
    let yaml = "{remote_storage: {auth: {authenticator: bearertokenauth/jaeger}}, \
                 extensions: {bearertokenauth/jaeger: {token: secret}}}";
    let remote = Remote::start_with(yaml).await;
    let asked = [
        remote.ask::<_, Services>("TraceReader/GetServices", Empty {}).await.map(|_| ()),
        remote.ask::<_, Operations>("TraceReader/GetOperations", OperationsOf::default()).await.map(|_| ()),
        remote.ask::<_, TraceIds>("TraceReader/FindTraceIDs", Find::default()).await.map(|_| ()),
        remote.ask::<_, Dependencies>("DependencyReader/GetDependencies", DependenciesIn::default()).await.map(|_| ()),
        remote.ask::<_, Capabilities>("Capabilities/GetCapabilities", Empty {}).await.map(|_| ()),
        remote.stream::<_, TracesData>("GetTraces", TracesById::default()).await.map(|_| ()),
        remote.stream::<_, TracesData>("FindTraces", Find::default()).await.map(|_| ()),
        remote.stream::<_, TraceSummaries>("FindTraceSummaries", Find::default()).await.map(|_| ()),
        TraceServiceClient::new(remote.channel.clone()).export(ExportTraceServiceRequest::default()).await.map(|_| ()),
    ];
    for (at, answer) in asked.into_iter().enumerate() {
        assert_eq!(answer.map_err(|status| status.code()), Err(Code::Unauthenticated), "{at}");
    }
    let with = |token: &'static str| {
        TraceServiceClient::with_interceptor(remote.channel.clone(), move |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", MetadataValue::from_static(token));
            Ok(request)
        })
    };
    let refused = with("Bearer other").export(ExportTraceServiceRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    with("Bearer secret").export(ExportTraceServiceRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_let_go_and_others_are_answered() {
    let remote = Remote::start().await;
    for number in 1..6 {
        remote.store_span(number, "x".repeat(3 << 20)).await;
    }
    remote.wait_for(5).await;
    // Its first part says that an answer is being made. Of 15 MiB the rest is more than a connection holds before somebody reads.
    let unread = async || {
        let mut client = Grpc::new(remote.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/jaeger.storage.v2.TraceReader/FindTraces");
        let find = Find { query: Some(Query::default()) };
        let answer = client.server_streaming(tonic::Request::new(find), path, ProstCodec::<_, TracesData>::default());
        let mut answer = answer.await.unwrap().into_inner();
        assert!(answer.message().await.unwrap().is_some());
        answer
    };
    // As many as are made at once.
    let (mut first, _second) = (unread().await, unread().await);
    let asking = remote.ask::<_, Services>("TraceReader/GetServices", Empty {});
    tokio::time::timeout(6 * READING, asking).await.expect("others are answered meanwhile, or soon").unwrap();
    let mut ended = Ok(());
    while ended.is_ok() {
        ended = match first.message().await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => panic!("an answer that was cut short does not look whole"),
            Err(status) => Err(status.code()),
        };
    }
    // Its time as a whole may be over before that of a part.
    assert!(matches!(ended, Err(Code::DeadlineExceeded | Code::ResourceExhausted)), "{ended:?}");
}
