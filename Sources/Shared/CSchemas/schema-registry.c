#include "schema-registry.h"

#include <string.h>

#include "admission.pb-c.h"
#include "apps.pb-c.h"
#include "authentication.pb-c.h"
#include "authorization.pb-c.h"
#include "autoscaling.pb-c.h"
#include "batch.pb-c.h"
#include "certificates.pb-c.h"
#include "coordination.pb-c.h"
#include "core.pb-c.h"
#include "discovery.pb-c.h"
#include "meta.pb-c.h"
#include "metrics.pb-c.h"
#include "networking.pb-c.h"
#include "policy.pb-c.h"
#include "rbac.pb-c.h"
#include "storage.pb-c.h"

static const ProtobufCMessageDescriptor *const schemas[] = {
    &admission__mutating_admission_policy__descriptor,
    &admission__mutating_admission_policy_binding__descriptor,
    &admission__mutating_webhook_configuration__descriptor,
    &admission__validating_admission_policy__descriptor,
    &admission__validating_admission_policy_binding__descriptor,
    &admission__validating_webhook_configuration__descriptor,
    &apps__daemon_set__descriptor,
    &apps__deployment__descriptor,
    &apps__replica_set__descriptor,
    &apps__stateful_set__descriptor,
    &authentication__token_review__descriptor,
    &authorization__subject_access_review__descriptor,
    &autoscaling__horizontal_pod_autoscaler__descriptor,
    &batch__cron_job__descriptor,
    &batch__job__descriptor,
    &certificates__certificate_signing_request__descriptor,
    &coordination__lease__descriptor,
    &core__config_map__descriptor,
    &core__endpoints__descriptor,
    &core__limit_range__descriptor,
    &core__namespace__descriptor,
    &core__node__descriptor,
    &core__persistent_volume__descriptor,
    &core__persistent_volume_claim__descriptor,
    &core__pod__descriptor,
    &core__replication_controller__descriptor,
    &core__resource_quota__descriptor,
    &core__secret__descriptor,
    &core__service__descriptor,
    &core__service_account__descriptor,
    &discovery__endpoint_slice__descriptor,
    &meta__list_meta__descriptor,
    &meta__object_meta__descriptor,
    &meta__partial_object_metadata__descriptor,
    &meta__status__descriptor,
    &meta__unknown__descriptor,
    &meta__watch_event__descriptor,
    &metrics__node_metrics__descriptor,
    &metrics__node_metrics_list__descriptor,
    &metrics__pod_metrics__descriptor,
    &metrics__pod_metrics_list__descriptor,
    &networking__ingress__descriptor,
    &networking__ingress_class__descriptor,
    &networking__network_policy__descriptor,
    &policy__pod_disruption_budget__descriptor,
    &rbac__cluster_role__descriptor,
    &rbac__cluster_role_binding__descriptor,
    &rbac__role__descriptor,
    &rbac__role_binding__descriptor,
    &storage__storage_class__descriptor,
    &storage__volume_attachment__descriptor,
};

const ProtobufCMessageDescriptor *mizzen_schema_named(const char *name)
{
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        if (strcmp(schemas[i]->name, name) == 0) {
            return schemas[i];
        }
    }
    return NULL;
}
