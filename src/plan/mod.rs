//! Owns the plan: how profile and request become tasks, in stages.
//!
//! Nothing here does IO or asks for the time. The [`Planner`] says what is requested, stage by stage. What a collector
//! plans at each stage is defined in `collectors/`. [`Related`] tells which objects of a shared namespace belong to the
//! workload.

mod planner;
mod pods;
mod query;
mod related;
mod request;
mod requests;
mod resource;
mod task;
pub mod window;

pub use planner::{
    Basis, DeletedPod, Evidence, FoundPrometheus, KINDS, Listed, PlanTasks, Planner, Planning, Shown, Stage,
};
pub use pods::{Container, ContainerRun, Pod, Runs, taken};
pub use query::{
    About, AnsweredBy, CLUSTERS, FindTask, Known, LocalSource, Narrowing, Narrowings, QueryTask, Question, RANGE,
    SamplesTask, TwoScrapes, answered, of_objects, of_profile, of_two_scrapes, questions, samples, whom,
};
pub use related::{Neighbours, Related};
pub use request::{Place, PrometheusChoice, Request, Scope};
pub use requests::{GetTask, ListTask, LogFiles, LogTask, OrphanedLogsTask, ScrapeTask, node_logs, pod_folder};
pub use resource::{ANY, Resource, Right, UnknownGroup};
pub use task::{LeftOut, Planned, Preset, Priority, Role, Task, TaskSpec, with_query};
