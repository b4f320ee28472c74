//! An app that schedules jobs with Dapr's Rust SDK and receives them with the SDK's own gRPC
//! service. The driver tells it what to do, see tests/sdk/driver/program.py.
//!
//! usage: program JOB...    the names of the jobs that it handles

mod wire;

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use dapr::appcallback::{AppCallbackService, JobEventRequest, JobEventResponse, JobHandlerMethod};
use dapr::client::{AppApiTokenLayer, TonicClientWithAuth};
use dapr::dapr::proto::runtime::v1::app_callback_alpha_server::AppCallbackAlphaServer;
use dapr::dapr::proto::runtime::v1::app_callback_server::AppCallbackServer;
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::transport::Server;
use wire::{Answer, CallError, Event, JobFields, Request, say};

type Client = dapr::Client<TonicClientWithAuth>;

/// Reports each trigger of one job, and refuses the first ones if the job's name says so.
struct Handler {
    failures: AtomicU32,
}

impl Handler {
    fn of(name: &str) -> Self {
        let failures = name
            .strip_prefix("fails-")
            .and_then(|rest| rest.split('-').next())
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        Handler {
            failures: AtomicU32::new(failures),
        }
    }
}

#[tonic::async_trait]
impl JobHandlerMethod for Handler {
    async fn handler(&self, request: JobEventRequest) -> Result<JobEventResponse, tonic::Status> {
        say(&Event::job(
            &request.name,
            request.data.map(|data| data.value),
        ));
        let one_less = |left: u32| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
        {
            return Err(tonic::Status::internal("refused on purpose"));
        }
        Ok(JobEventResponse {})
    }
}

fn service(names: &[String]) -> AppCallbackService {
    let mut service = AppCallbackService::new();
    for name in names {
        service.add_job_handler(name.clone(), Box::new(Handler::of(name)));
    }
    service
}

async fn carry_out(
    client: &mut Client,
    request: Request,
    answer: &mut Answer,
) -> Result<(), dapr::error::Error> {
    match request.op.as_str() {
        "schedule" => {
            let job = request.job.expect("a job").into_job();
            client.schedule_job(job, Some(request.overwrite)).await?;
        }
        "get" => {
            let response = client.get_job(&request.name).await?;
            answer.job = response.job.map(JobFields::from_job);
        }
        "delete" => {
            client.delete_job(&request.name).await?;
        }
        "list" => {
            let response = client.list_jobs().await?;
            answer.jobs = Some(response.jobs.into_iter().map(JobFields::from_job).collect());
        }
        "delete_prefix" => {
            client.delete_jobs_by_prefix(Some(&request.prefix)).await?;
        }
        other => panic!("no such call: {other}"),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let address = format!("127.0.0.1:{}", std::env::var("APP_PORT")?).parse()?;
    let server = Server::builder()
        .layer(AppApiTokenLayer::from_env())
        .add_service(AppCallbackServer::new(service(&names)))
        .add_service(AppCallbackAlphaServer::new(service(&names)))
        .serve(address);
    let server = tokio::spawn(server);
    let mut client = Client::new().await?;
    say(&Event::ready());

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line)?;
        if request.op == "stop" {
            server.abort();
            return Ok(());
        }
        let mut answer = Answer {
            id: request.id,
            ..Default::default()
        };
        if let Err(error) = carry_out(&mut client, request, &mut answer).await {
            answer.error = Some(CallError::new(&error));
        }
        say(&answer);
    }
    Err("the driver went away".into())
}
