//! What is exchanged with the driver, and how it becomes the SDK's jobs and back.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dapr::client::{Job, JobBuilder, JobFailurePolicyBuilder, JobFailurePolicyType};
use dapr::dapr::proto::common::v1::job_failure_policy::Policy;
use prost_types::Any;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Request {
    pub id: u64,
    pub op: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub overwrite: bool,
    pub job: Option<JobFields>,
}

#[derive(Default, Serialize)]
pub struct Answer {
    pub id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<JobFields>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CallError>,
}

#[derive(Serialize)]
pub struct CallError {
    code: String,
    message: String,
}

impl CallError {
    /// The SDK keeps the status to itself, but for its text.
    pub fn new(error: &dapr::error::Error) -> Self {
        let message = format!("{error:?}");
        let code = message
            .split("code: ")
            .nth(1)
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect())
            .unwrap_or_default();
        CallError { code, message }
    }
}

#[derive(Serialize)]
pub struct Event<'a> {
    event: &'static str,
    name: &'a str,
    data: Option<String>,
}

impl<'a> Event<'a> {
    pub fn ready() -> Self {
        Event {
            event: "ready",
            name: "",
            data: None,
        }
    }

    pub fn job(name: &'a str, data: Option<Vec<u8>>) -> Self {
        Event {
            event: "job",
            name,
            data: data.map(|data| STANDARD.encode(data)),
        }
    }
}

#[derive(Default, Deserialize, Serialize)]
pub struct JobFields {
    name: String,
    schedule: Option<String>,
    due_time: Option<String>,
    repeats: Option<u32>,
    ttl: Option<String>,
    data: Option<String>,
    type_url: Option<String>,
    failure_policy: Option<PolicyFields>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum PolicyFields {
    Drop {},
    Constant { interval_ms: u64, max_retries: u32 },
}

impl JobFields {
    pub fn into_job(self) -> Job {
        let mut job = JobBuilder::new(&self.name);
        if let Some(schedule) = &self.schedule {
            job = job.with_schedule(schedule);
        }
        if let Some(due_time) = &self.due_time {
            job = job.with_due_time(due_time);
        }
        if let Some(repeats) = self.repeats {
            job = job.with_repeats(repeats);
        }
        if let Some(ttl) = &self.ttl {
            job = job.with_ttl(ttl);
        }
        if let Some(data) = &self.data {
            let value = STANDARD.decode(data).expect("base64");
            job = job.with_data(Any {
                type_url: self.type_url.unwrap_or_default(),
                value,
            });
        }
        match self.failure_policy {
            None => {}
            Some(PolicyFields::Drop {}) => {
                let policy = JobFailurePolicyBuilder::new(JobFailurePolicyType::Drop {});
                job = job.with_failure_policy(policy.build());
            }
            Some(PolicyFields::Constant {
                interval_ms,
                max_retries,
            }) => {
                let policy = JobFailurePolicyBuilder::new(JobFailurePolicyType::Constant {})
                    .with_retry_interval(Duration::from_millis(interval_ms))
                    .with_max_retries(max_retries);
                job = job.with_failure_policy(policy.build());
            }
        }
        job.build()
    }

    pub fn from_job(job: Job) -> Self {
        let policy = job.failure_policy.and_then(|policy| policy.policy);
        JobFields {
            name: job.name,
            schedule: job.schedule,
            due_time: job.due_time,
            repeats: job.repeats,
            ttl: job.ttl,
            type_url: job.data.as_ref().map(|data| data.type_url.clone()),
            data: job.data.map(|data| STANDARD.encode(data.value)),
            failure_policy: policy.map(|policy| match policy {
                Policy::Drop(_) => PolicyFields::Drop {},
                Policy::Constant(constant) => PolicyFields::Constant {
                    interval_ms: to_ms(constant.interval.unwrap_or_default()),
                    max_retries: constant.max_retries.expect("a number of retries"),
                },
            }),
        }
    }
}

fn to_ms(interval: prost_types::Duration) -> u64 {
    let interval: Duration = interval.try_into().expect("a positive duration");
    interval.as_millis() as u64
}

/// Tells the driver something. Lines of several threads do not mix.
pub fn say(message: &impl Serialize) {
    let text = serde_json::to_string(message).expect("JSON");
    let mut out = std::io::stdout().lock();
    writeln!(out, "@@ {text}")
        .and_then(|()| out.flush())
        .expect("the driver to listen");
}
