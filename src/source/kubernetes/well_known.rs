//! Owns the resources that every Kubernetes serves, as far as a profile may want them, for servers that refuse to list
//! what they serve.

use crate::plan::Resource;
use k8s_openapi::{
    NamespaceResourceScope, Resource as Kind, api,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use std::any::TypeId;

/// Their stable versions, all of which are served since Kubernetes 1.23.
pub(super) fn well_known() -> Vec<Resource> {
    macro_rules! resources {
        ($($kind:path),* $(,)?) => { vec![$(resource::<$kind>()),*] };
    }
    resources![
        api::core::v1::ConfigMap,
        api::core::v1::Event,
        api::core::v1::LimitRange,
        api::core::v1::Namespace,
        api::core::v1::Node,
        api::core::v1::PersistentVolumeClaim,
        api::core::v1::Pod,
        api::core::v1::ResourceQuota,
        api::core::v1::Service,
        api::core::v1::ServiceAccount,
        api::apps::v1::ControllerRevision,
        api::apps::v1::DaemonSet,
        api::apps::v1::Deployment,
        api::apps::v1::ReplicaSet,
        api::apps::v1::StatefulSet,
        api::autoscaling::v2::HorizontalPodAutoscaler,
        api::batch::v1::CronJob,
        api::batch::v1::Job,
        api::coordination::v1::Lease,
        api::discovery::v1::EndpointSlice,
        api::networking::v1::Ingress,
        api::networking::v1::NetworkPolicy,
        api::policy::v1::PodDisruptionBudget,
        api::storage::v1::CSIDriver,
        api::storage::v1::CSINode,
        CustomResourceDefinition,
    ]
}

fn resource<K: Kind<Scope: 'static>>() -> Resource {
    Resource {
        group: K::GROUP.to_owned(),
        version: K::VERSION.to_owned(),
        plural: K::URL_PATH_SEGMENT.to_owned(),
        kind: K::KIND.to_owned(),
        namespaced: TypeId::of::<K::Scope>() == TypeId::of::<NamespaceResourceScope>(),
        verbs: ["get", "list"].map(str::to_owned).to_vec(),
    }
}
