#include "host/control/schemas.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

namespace tenon::control {
namespace {

namespace json = boost::json;

// Names are not required: where a path says them, they can be left out.
constexpr std::string_view kParts = R"json({
  "Name": {"type": "string", "minLength": 1, "maxLength": 63,
           "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"},
  "Code": {"type": "string", "minLength": 1, "maxLength": 63,
           "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"},
  "Duration": {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$", "examples": ["30s"]},
  "Labels": {"type": "object", "additionalProperties": {"type": "string"}},
  "Event": {
    "type": "object", "required": ["time", "type", "status"],
    "properties": {
      "time": {"type": "string"},
      "type": {"type": "string", "description": "State, Revision, RevisionFailed, Crashed, …"},
      "status": {"type": "string", "description": "the deployment's state after it"},
      "revision": {"type": "integer"}, "message": {"type": "string"}
    }
  },
  "TokenBudget": {
    "type": "object",
    "required": ["policy", "owner", "tokens", "limit", "spent", "left", "windowBegin", "windowEnd"],
    "properties": {
      "policy": {"type": "string"},
      "owner": {"type": "string",
                "description": "whose budget it is: environment default/production"},
      "tokens": {"enum": ["input", "output", "total"]},
      "limit": {"type": "integer"},
      "spent": {"type": "integer", "description": "in this window; the request that crosses the limit is served"},
      "left": {"type": "integer", "description": "0: requests are refused until the window ends"},
      "windowBegin": {"type": "string"}, "windowEnd": {"type": "string"}
    }
  },
  "LogLine": {
    "type": "object",
    "properties": {
      "time": {"type": "string"}, "level": {"enum": ["debug", "info", "warn", "error"]},
      "text": {"type": "string", "description": "the event and its fields"}
    }
  },
  "LogEvent": {
    "type": "object", "description": "one server-sent event",
    "properties": {
      "event": {"enum": ["line", "synced"]},
      "data": {"type": "string", "contentMediaType": "application/json",
               "description": "the line; {} with synced"}
    }
  },
  "WatchEvent": {
    "type": "object", "required": ["event", "data"],
    "properties": {
      "event": {"enum": ["added", "synced", "changed", "removed"]},
      "data": {"type": "string", "contentMediaType": "application/json",
               "description": "the resource; {} with synced"}
    }
  },
  "Metadata": {
    "type": "object",
    "properties": {
      "workspace": {"type": "string"}, "name": {"type": "string"},
      "environment": {"type": "string"},
      "version": {"type": "integer", "description": "sent with a change, it must still be this"},
      "revision": {"type": "integer"}, "managedBy": {"type": "string"},
      "fileProblem": {"type": "string", "description": "why what manages it is not in force"},
      "createdAt": {"type": "string"}, "createdBy": {"type": "string"},
      "updatedAt": {"type": "string"}, "updatedBy": {"type": "string"}
    }
  },
  "WorkspaceSpec": {
    "type": "object", "additionalProperties": false,
    "properties": {
      "name": {"$ref": "#/components/schemas/Name"},
      "displayName": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Labels"}
    }
  },
  "LocationSpec": {
    "type": "object", "additionalProperties": false, "required": ["country", "continent"],
    "properties": {
      "name": {"$ref": "#/components/schemas/Code"},
      "country": {"$ref": "#/components/schemas/Code"},
      "continent": {"$ref": "#/components/schemas/Code"},
      "displayName": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Labels"}
    }
  },
  "EnvironmentSpec": {
    "type": "object", "additionalProperties": false,
    "properties": {
      "name": {"$ref": "#/components/schemas/Name"},
      "workspace": {"$ref": "#/components/schemas/Name"},
      "policies": {"type": "array", "items": {"$ref": "#/components/schemas/Name"}},
      "displayName": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Labels"}
    }
  },
  "MaxTokens": {
    "type": "object", "additionalProperties": false, "required": ["granularity"],
    "properties": {
      "granularity": {"enum": ["minute", "hour", "day", "month"]},
      "step": {"type": "integer", "minimum": 1, "maximum": 1000},
      "input": {"type": "integer", "minimum": 0}, "output": {"type": "integer", "minimum": 0},
      "total": {"type": "integer", "minimum": 0}
    }
  },
  "PolicySpec": {
    "type": "object", "additionalProperties": false, "required": ["type"],
    "properties": {
      "name": {"$ref": "#/components/schemas/Name"},
      "workspace": {"$ref": "#/components/schemas/Name"},
      "type": {"enum": ["location", "flavor", "maxToken"]},
      "locations": {"type": "array", "minItems": 1, "items": {
        "type": "string", "pattern": "^(location|country|continent)/[A-Za-z0-9]+$",
        "examples": ["continent/eu"]}},
      "flavors": {"type": "array", "minItems": 1, "items": {
        "type": "string", "pattern": "^(cpu|gpu)/[A-Za-z0-9]+$", "examples": ["gpu/t4"]}},
      "maxTokens": {"$ref": "#/components/schemas/MaxTokens"},
      "displayName": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Labels"}
    }
  },
  "DeploymentSpec": {
    "type": "object", "additionalProperties": false, "required": ["runtime", "origin"],
    "properties": {
      "model": {"$ref": "#/components/schemas/Name"},
      "workspace": {"$ref": "#/components/schemas/Name"},
      "environment": {"$ref": "#/components/schemas/Name"},
      "runtime": {"type": "string", "description": "a plugin's id, or auto"},
      "origin": {"type": "string", "examples": ["file:models/all-MiniLM-L6-v2"]},
      "enabled": {"type": "boolean"},
      "flavors": {"type": "array", "items": {"type": "string"}},
      "devicesPerReplica": {"type": "integer", "minimum": 1, "maximum": 16},
      "policies": {"type": "array", "items": {"$ref": "#/components/schemas/Name"}},
      "isolation": {"enum": ["worker", "host"]},
      "canary": {
        "type": "object", "additionalProperties": false, "required": ["weight"],
        "description": "the newest revision gets only this part of the requests",
        "properties": {"weight": {"type": "integer", "minimum": 1, "maximum": 99}}},
      "scale": {"type": "object"}, "limits": {"type": "object"},
      "env": {"type": "object"}, "options": {"type": "object"},
      "displayName": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Labels"}
    }
  },
  "Change": {
    "type": "object", "description": "what a change did, or with dryRun would do",
    "properties": {
      "kind": {"type": "string"}, "workspace": {"type": "string"}, "name": {"type": "string"},
      "environment": {"type": "string"},
      "result": {"enum": ["created", "configured", "unchanged", "deleted", "absent"]},
      "before": {"type": ["object", "null"]}, "after": {"type": ["object", "null"]}
    }
  },
  "Results": {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}}}
  },
  "Apply": {
    "type": "object", "additionalProperties": false, "minProperties": 1,
    "properties": {
      "resources": {"type": "array", "items": {
        "type": "object", "additionalProperties": false, "required": ["kind", "spec"],
        "properties": {
          "kind": {"enum": ["workspace", "location", "environment", "policy", "deployment"]},
          "spec": {"type": "object"}}}},
      "remove": {"type": "array", "items": {
        "type": "object", "additionalProperties": false, "required": ["kind", "name"],
        "properties": {
          "kind": {"enum": ["workspace", "location", "environment", "policy", "deployment"]},
          "name": {"type": "string", "minLength": 1},
          "workspace": {"type": "string", "description": "that of the call when absent"},
          "environment": {"type": "string",
                          "description": "of a deployment; production when absent"}}}}
    }
  },
  "Rollback": {
    "type": "object", "additionalProperties": false, "required": ["revision"],
    "properties": {"revision": {"type": "integer", "minimum": 1, "maximum": 9223372036854775807}}
  },
  "CanaryWish": {
    "type": "object", "additionalProperties": false, "required": ["weight"],
    "properties": {"weight": {"type": "integer", "minimum": 0, "maximum": 100}}
  },
  "Release": {
    "type": "object", "additionalProperties": false, "required": ["from", "to"],
    "properties": {
      "from": {"$ref": "#/components/schemas/Name"}, "to": {"$ref": "#/components/schemas/Name"},
      "policies": {"type": "boolean", "description": "take the origin's policies along"},
      "canary": {"type": "integer", "minimum": 1, "maximum": 99,
                 "description": "the part of the requests that it gets at first"}
    }
  },
  "Configuration": {
    "type": "object",
    "properties": {"continents": {"type": "array"}, "countries": {"type": "array"},
                   "locations": {"type": "array"}}
  },
  "Role": {"enum": ["admin", "member", "invoke"]},
  "KeyWish": {
    "type": "object", "additionalProperties": false, "required": ["role"],
    "properties": {
      "role": {"$ref": "#/components/schemas/Role"},
      "workspace": {"type": "string", "maxLength": 63, "pattern": "^$|^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                    "description": "the only one; absent or \"\": all of them"},
      "name": {"type": "string", "maxLength": 100},
      "expiresIn": {"type": "string", "pattern": "^[0-9.]+(ms|s|m|h|d)$", "examples": ["90d"]},
      "rate": {"type": "string", "pattern": "^[1-9][0-9]{0,5}/s$", "examples": ["100/s"],
               "description": "requests; absent: as [host.limits] bounds each key"}
    }
  },
  "Key": {
    "type": "object",
    "properties": {
      "id": {"type": "string"}, "name": {"type": "string"},
      "role": {"$ref": "#/components/schemas/Role"}, "workspace": {"type": "string"},
      "createdAt": {"type": "string"}, "expiresAt": {"type": ["string", "null"]},
      "lastUsedAt": {"type": ["string", "null"], "description": "to the minute"},
      "rate": {"type": ["string", "null"]}
    }
  },
  "NewKey": {
    "allOf": [{"$ref": "#/components/schemas/Key"}],
    "required": ["key"],
    "properties": {"key": {"type": "string", "description": "shown this once"}}
  },
  "TokenWish": {
    "type": "object", "required": ["grant_type"],
    "properties": {
      "grant_type": {"enum": ["client_credentials"]},
      "client_id": {"type": "string", "description": "a key's id"},
      "client_secret": {"type": "string", "description": "the key itself"}
    }
  },
  "Token": {
    "type": "object",
    "properties": {
      "access_token": {"type": "string"}, "token_type": {"enum": ["Bearer"]},
      "expires_in": {"type": "integer", "description": "seconds"}
    }
  },
  "Use": {
    "type": "object",
    "properties": {
      "model": {"type": "string"}, "environment": {"type": "string"},
      "revision": {"type": "integer"}, "flavor": {"type": "string"},
      "requests": {"type": "integer"}, "inputTokens": {"type": "integer"},
      "outputTokens": {"type": "integer"},
      "replicaSeconds": {"type": "number", "description": "of all replicas together"},
      "deviceByteSeconds": {"type": "integer", "description": "memory that replicas held, over time"}
    }
  },
  "Usage": {
    "type": "object",
    "properties": {
      "workspace": {"type": "string"}, "from": {"type": "string"}, "to": {"type": "string"},
      "by": {"enum": ["deployment", "revision", "flavor", "environment"]},
      "items": {"type": "array", "items": {"$ref": "#/components/schemas/Use"}},
      "total": {"$ref": "#/components/schemas/Use"}
    }
  },
  "Metrics": {
    "type": "object",
    "properties": {
      "model": {"type": "string"}, "environment": {"type": "string"},
      "requests": {"type": "integer"},
      "failed": {"type": "integer", "description": "answered with a 5xx"},
      "cancelled": {"type": "integer", "description": "their clients went away"},
      "retried": {"type": "integer", "description": "another replica took them over"},
      "p50Ms": {"type": ["number", "null"]}, "p99Ms": {"type": ["number", "null"]},
      "replicas": {
        "type": "object",
        "properties": {"ready": {"type": "integer"}, "starting": {"type": "integer"}}
      },
      "queued": {"type": "integer"},
      "memoryBytes": {"type": "integer", "description": "private to its replicas"},
      "coldStarts": {"type": "integer"},
      "coldStartMs": {"type": ["number", "null"], "description": "in the mean"},
      "replicaFailures": {"type": "integer"},
      "inputTokens": {"type": "integer"}, "outputTokens": {"type": "integer"}
    }
  },
  "Node": {
    "type": "object",
    "properties": {
      "name": {"type": "string"}, "flavor": {"type": "string", "description": "of its CPUs"},
      "cpus": {"type": "integer", "description": "threads that run at once"},
      "isa": {"type": "array", "items": {"type": "string"}}, "numaNodes": {"type": "integer"},
      "machineBytes": {"type": "integer"},
      "memoryBytes": {"type": "integer", "description": "for all replicas together"},
      "heldBytes": {"type": "integer", "description": "by replicas: measured, else predicted"},
      "replicas": {"type": "integer"}, "maxReplicas": {"type": "integer"},
      "devices": {"type": "integer"}, "driver": {"type": ["string", "null"]},
      "note": {"type": "string", "description": "why there are no devices, or what is wrong"}
    }
  },
  "Device": {
    "type": "object",
    "properties": {
      "name": {"type": "string", "description": "a UUID; cpu: the node's CPUs"},
      "node": {"type": "string"}, "product": {"type": ["string", "null"]},
      "flavor": {"type": "string"}, "memoryBytes": {"type": "integer"},
      "heldBytes": {"type": "integer", "description": "by replicas: measured, else predicted"},
      "freeBytes": {"type": "integer", "description": "as the driver says"},
      "replicas": {"type": "integer"},
      "health": {"enum": ["ok", "failing", "lost", "unknown"]}, "reason": {"type": "string"},
      "numaNode": {"type": "integer"}, "pciBus": {"type": "string"},
      "computeCapability": {"type": "string"}, "sliceOf": {"type": "string"}
    }
  },
  "Lease": {
    "type": "object",
    "properties": {
      "name": {"type": "string", "description": "of the replica"}, "node": {"type": "string"},
      "model": {"type": "string"}, "environment": {"type": "string"},
      "revision": {"type": "integer"}, "since": {"type": "string"}, "ready": {"type": "boolean"},
      "pid": {"type": ["integer", "null"]}, "flavor": {"type": "string"},
      "threads": {"type": "integer"},
      "cpus": {"type": ["string", "null"], "description": "null: all of the node"},
      "memoryBytes": {"type": "integer", "description": "the most of the node's; 0: any"},
      "heldBytes": {"type": "integer"},
      "devices": {"type": "array", "items": {"type": "object"}}
    }
  },
  "OpenApi": {"type": "object"},
  "Error": {
    "type": "object", "required": ["error"],
    "properties": {"error": {
      "type": "object", "required": ["code", "message", "status", "retryable"],
      "properties": {
        "code": {"type": "string"}, "message": {"type": "string"}, "status": {"type": "integer"},
        "retryable": {"type": "boolean"}, "origin": {"type": "string"},
        "timestamp": {"type": "string"}, "requestId": {"type": "string"}}}}
  }
})json";

json::object reference(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

json::object list_of(json::object items) {
  return {{"type", "object"},
          {"properties",
           {{"items", {{"type", "array"}, {"items", std::move(items)}}},
            {"next", {{"type", json::array{"string", "null"}}}}}}};
}

json::object resource(std::string_view kind) {
  return {{"type", "object"},
          {"required", json::array{"spec"}},
          {"properties",
           {{"kind", {{"type", "string"}}},
            {"metadata", reference("Metadata")},
            {"spec", reference(std::string(kind) + "Spec")},
            {"status", {{"type", "object"}}},
            {"tokenBudgets", {{"type", "array"}, {"items", reference("TokenBudget")}}},
            {"events", {{"type", "array"}, {"items", reference("Event")}}}}}};
}

// A resource is sent as its spec alone, with the version that it must have, or as it was read: what
// is read only is passed over then.
json::object wished(std::string_view kind) {
  // Far from where readers of JSON, ours included, round what is written as 4040406185318618.0.
  constexpr std::int64_t kMostVersion = 1'000'000'000'000;
  const json::object version{{"type", "integer"}, {"minimum", 0}, {"maximum", kMostVersion}};
  const json::object spec = reference(std::string(kind) + "Spec");
  const json::object whole{
      {"type", "object"},
      {"required", json::array{"spec"}},
      {"properties",
       {{"metadata", {{"type", "object"}, {"properties", {{"version", version}}}}},
        {"spec", spec}}}};
  return {{"anyOf", {whole, spec}}};
}

}  // namespace

json::object schemas() {
  json::object out = json::parse(kParts).get_object();
  for (const auto* name : {"Workspace", "Location", "Environment", "Policy", "Deployment"}) {
    const std::string kind = name;
    out[kind] = resource(kind);
    out[kind + "Wish"] = wished(kind);
    out[kind + "List"] = list_of(reference(kind));
  }
  out["LogList"] = list_of(reference("LogLine"));
  for (const std::string_view name : {"Event", "Key", "Metrics", "Node", "Device", "Lease"}) {
    out[std::string(name) + "List"] = list_of(reference(name));
  }
  for (const std::string_view name : {"Revision", "Plugin", "Audit"}) {
    out[std::string(name) + "List"] = list_of({{"type", "object"}});
  }
  return out;
}

}  // namespace tenon::control
