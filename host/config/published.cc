#include "host/config/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "host/config/document.h"
#include "host/domain/code_name.h"

namespace tenon::config {
namespace {

using Names = std::initializer_list<std::string_view>;

constexpr std::int64_t kMostNumber = 1LL << 53;

Node node_of(Node::Type type, std::string_view key, Position at) {
  Node out;
  out.type = type;
  out.key = key;
  out.key_at = out.at = at;
  return out;
}

Node string_node(std::string_view key, Text text) {
  Node out = node_of(Node::Type::kString, key, text.at);
  out.text = std::move(text.value);
  return out;
}

Node integer_node(std::string_view key, std::int64_t value, Position at) {
  Node out = node_of(Node::Type::kInteger, key, at);
  out.integer = value;
  return out;
}

Node boolean_node(std::string_view key, bool value, Position at) {
  Node out = node_of(Node::Type::kBoolean, key, at);
  out.integer = value;
  return out;
}

void add(Node& table, std::optional<Node> node) {
  if (node) table.children.push_back(*std::move(node));
}

void add_unless_empty(Node& table, Node child) {
  if (!child.children.empty()) table.children.push_back(std::move(child));
}

// Null means "not said" in these documents.
Node without_nulls(const Node& from) {
  Node out = from;
  std::erase_if(out.children, [](const Node& child) { return child.type == Node::Type::kNull; });
  for (Node& child : out.children) child = without_nulls(child);
  out.by_key.clear();
  if (out.type == Node::Type::kTable) out.index();
  return out;
}

// The first of these that is there: one key has several spellings.
std::string_view spelling(const Table& table, Names names) {
  for (const std::string_view name : names) {
    if (table.has(name)) return name;
  }
  return *names.begin();
}

// What is told, not wished: known, and looked at no further.
void skip(Table& table, Names names) {
  for (const std::string_view name : names) {
    if (table.is_table(name)) {
      auto inner = table.table(name);
      for (const std::string& key : inner->keys()) (void)inner->scalar(key);
    } else {
      (void)table.scalar(name);
    }
  }
}

std::optional<Node> string_at(Table& table, Names names, std::string_view as) {
  auto text = table.text(spelling(table, names));
  if (!text || text->value.empty()) return std::nullopt;
  return string_node(as, *std::move(text));
}

std::optional<Node> boolean_at(Table& table, Names names, std::string_view as) {
  const std::string_view name = spelling(table, names);
  const auto value = table.boolean(name);
  if (!value) return std::nullopt;
  return boolean_node(as, *value, table.position(name));
}

std::optional<Node> integer_at(Table& table, Names names, std::string_view as) {
  const std::string_view name = spelling(table, names);
  const auto value = table.integer(name, 0, kMostNumber);
  if (!value) return std::nullopt;
  return integer_node(as, *value, table.position(name));
}

Node array_of(std::string_view key, std::vector<Text> texts, Position at) {
  Node out = node_of(Node::Type::kArray, key, at);
  for (Text& text : texts) out.children.push_back(string_node("", std::move(text)));
  return out;
}

void add_names(Node& to, Table& table, std::string_view key) {
  auto texts = table.strings(key);
  if (texts) add_unless_empty(to, array_of(key, *std::move(texts), table.position(key)));
}

// [{type: country, name: us}] as ["country/us"]
void add_typed_names(Node& to, Table& table, std::string_view key) {
  Node out = node_of(Node::Type::kArray, key, table.position(key));
  for (Table& each : table.tables(key)) {
    const auto type = each.required_text("type"), name = each.required_text("name");
    if (!type || !name) continue;
    out.children.push_back(
        string_node("", {lower_case(type->value) + "/" + lower_case(name->value), type->at}));
  }
  add_unless_empty(to, std::move(out));
}

class Conversion {
 public:
  Conversion(const PublishedOptions& options, Problems& errors, Problems& warnings)
      : options_(options), errors_(errors), warnings_(warnings) {}

  void take(const Node& from) {
    const Node whole = without_nulls(from);
    at_ = whole.at;
    Document document(whole, errors_);
    Table root = document.root();
    const std::string kind = kind_of(root, whole);
    if (kind == "Environment") {
      environment(root);
    } else if (kind == "Policy") {
      policy(root);
    } else if (kind == "Model") {
      model(root);
    } else {
      lose(root.position("kind"),
           fmt::format("kind '{}': a host has Model, Policy and Environment", kind));
      for (const std::string& key : root.keys()) forget(root, key);
    }
  }

  Node result() {
    Node out = node_of(Node::Type::kTable, "", {});
    for (Node* each : {&policies_, &environments_, &deployments_}) {
      add_unless_empty(out, std::move(*each));
    }
    out.index();
    return out;
  }

 private:
  // What has no place here.
  void lose(Position at, std::string what) {
    if (options_.lossy) return warn(at, std::move(what) + "; left out");
    errors_.add(at, std::move(what));
  }
  void warn(Position at, std::string what) { warnings_.add(at, std::move(what)); }

  static void forget(Table& table, std::string_view key) {
    (void)table.scalar(key);  // makes it known, whatever it is
  }

  void lose_keys(Table& table, Names names, std::string_view why) {
    for (const std::string_view name : names) {
      if (!table.has(name)) continue;
      lose(table.key_position(name), fmt::format("'{}': {}", name, why));
      forget(table, name);
    }
  }
  void warn_keys(Table& table, Names names, std::string_view why) {
    for (const std::string_view name : names) {
      if (!table.has(name)) continue;
      warn(table.key_position(name), fmt::format("'{}': {}; left out", name, why));
      forget(table, name);
    }
  }

  // An object of the API has no kind: what it holds tells.
  static std::string kind_of(Table& root, const Node& whole) {
    skip(root, {"apiVersion", "status"});
    forget(root, "events");
    if (auto kind = root.text("kind")) return kind->value;
    const Node* spec = whole.find("spec");
    if (!spec) spec = &whole;
    if (spec->find("type") && !spec->find("runtime")) return "Policy";
    return spec->find("runtime") || spec->find("model") ? "Model" : "Environment";
  }

  // Name, workspace and so on of a document or, without an envelope, of the object itself.
  void naming(Node& to, Table& table, std::string_view name_as) {
    auto name = table.required_text(spelling(table, {"name", "model"}));
    if (name) to.children.push_back(string_node(name_as, *std::move(name)));
    add(to, string_at(table, {"workspace"}, "workspace"));
    add(to, string_at(table, {"displayName", "display_name"}, "displayName"));
    if (auto labels = table.table("labels")) {
      Node out = node_of(Node::Type::kTable, "labels", table.position("labels"));
      for (const std::string& key : labels->keys()) add(out, string_at(*labels, {key}, key));
      add_unless_empty(to, std::move(out));
    }
    skip(table,
         {"createdAt", "created_at", "createdBy", "created_by", "updatedAt", "updated_at",
          "updatedBy", "updated_by", "generation", "uid", "resourceVersion", "creationTimestamp"});
  }

  void environment(Table& root) {
    Node out = node_of(Node::Type::kTable, "", at_);
    if (auto metadata = root.table("metadata")) {
      naming(out, *metadata, "name");
    } else {
      naming(out, root, "name");
    }
    auto spec = root.table("spec");
    Table& holder = spec ? *spec : root;
    display(out, holder);
    add_names(out, holder, "policies");
    environments_.children.push_back(std::move(out));
  }

  // Some objects say it in their spec.
  static void display(Node& to, Table& spec) {
    if (to.find("displayName"))
      return (void)spec.text(spelling(spec, {"displayName", "display_name"}));
    add(to, string_at(spec, {"displayName", "display_name"}, "displayName"));
  }

  void policy(Table& root) {
    Node out = node_of(Node::Type::kTable, "", at_);
    if (auto metadata = root.table("metadata")) {
      forget(*metadata, "namespace");
      naming(out, *metadata, "name");
    } else {
      naming(out, root, "name");
    }
    auto spec = root.table("spec");
    Table& holder = spec ? *spec : root;
    display(out, holder);
    add(out, string_at(holder, {"type"}, "type"));
    add_typed_names(out, holder, "locations");
    add_typed_names(out, holder, "flavors");
    max_tokens(out, holder);
    resource_types(holder);
    if (holder.boolean("sandbox").value_or(false)) {
      warn(holder.position("sandbox"), "'sandbox' is described nowhere; left out");
    }
    policies_.children.push_back(std::move(out));
  }

  void max_tokens(Node& to, Table& policy) {
    const std::string_view key = spelling(policy, {"maxTokens", "max_tokens"});
    auto table = policy.table(key);
    if (!table) return;
    Node out = node_of(Node::Type::kTable, "maxTokens", policy.position(key));
    add(out, string_at(*table, {"granularity"}, "granularity"));
    for (const std::string_view limit : {"step", "input", "output", "total"}) {
      auto value = integer_at(*table, {limit}, limit);
      if (value && value->integer != 0) add(out, std::move(value));
    }
    const std::string_view ratio =
        spelling(*table, {"ratioInputOverOutput", "ratio_input_over_output"});
    if (table->integer(ratio, 0, kMostNumber).value_or(0) != 0) {
      lose(table->position(ratio), fmt::format("'{}': a budget has no ratio", ratio));
    }
    add_unless_empty(to, std::move(out));
  }

  void resource_types(Table& policy) {
    const std::string_view key = spelling(policy, {"resourceTypes", "resource_types"});
    const auto types = policy.strings(key);
    if (!types || types->empty()) return;
    if (std::ranges::find(*types, "model", &Text::value) == types->end()) {
      lose(policy.position(key), fmt::format("'{}' names no models, which are all that a host has: "
                                             "the policy would forbid what it never meant",
                                             key));
    } else if (types->size() > 1) {
      warn(policy.position(key), fmt::format("'{}': only models are here", key));
    }
  }

  void model(Table& root) {
    Node base = node_of(Node::Type::kTable, "", at_);
    if (auto metadata = root.table("metadata")) {
      forget(*metadata, "namespace");
      add(base, string_at(*metadata, {"environment"}, "environment"));
      naming(base, *metadata, "model");
    } else {
      naming(base, root, "model");
    }
    auto spec = root.table("spec");
    Table& holder = spec ? *spec : root;
    display(base, holder);
    if (!holder.has("deployments")) return deployment(std::move(base), holder);
    // The older form: a model with its deployments.
    for (Table& each : holder.tables("deployments")) deployment(base, each);
  }

  void deployment(Node out, Table& spec) {
    if (spec.position() != Position{}) out.at = spec.position();
    if (spec.has("modelSourceRef")) {
      lose(spec.key_position("modelSourceRef"),
           "'modelSourceRef': a model of a Kubernetes cluster; a host serves its own");
      for (const std::string& key : spec.keys()) forget(spec, key);
      return;
    }
    forget(spec, "model");
    if (auto named = string_at(spec, {"environment"}, "environment"); !out.find("environment")) {
      add(out, std::move(named));
    }
    add(out, boolean_at(spec, {"enabled"}, "enabled"));
    Node env = node_of(Node::Type::kTable, "env", spec.position());
    if (auto runtime = spec.table("runtime")) {
      engine(out, *runtime);
      envs(env, *runtime);
    } else {
      spec.problem(spec.position(), "'runtime' is missing: it names the model that is served");
    }
    add_typed_names(out, spec, "flavors");
    add_names(out, spec, "policies");
    scale(out, spec);
    configurations(env, spec);
    add_unless_empty(out, std::move(env));
    rest(spec);
    out.index();
    deployments_.children.push_back(std::move(out));
  }

  void rest(Table& spec) {
    for (const std::string_view key : {"integrationConnections", "integration_connections"}) {
      const auto names = spec.strings(key);
      if (names && !names->empty()) {
        warn(spec.position(key),
             fmt::format("'{}': a host reads its access token from HF_TOKEN; left out", key));
      }
    }
    lose_keys(spec, {"podTemplate", "pod_template"}, "a replica is a process here, not a pod");
    lose_keys(spec, {"privateClusters", "private_clusters"},
              "a host serves where it runs: [[location]] and policies say where that is");
    lose_keys(spec, {"modelProviderRef", "model_provider_ref"},
              "an uploaded model: name its folder as the origin");
    lose_keys(spec, {"offloadingConfig"}, "overflow between hosts is not there yet");
    warn_keys(spec, {"servingPort", "serving_port", "metricPort", "metric_port"},
              "a plugin has no port");
    if (spec.boolean("sandbox").value_or(false)) {
      warn(spec.position("sandbox"), "'sandbox' is described nowhere; left out");
    }
  }

  void engine(Node& out, Table& runtime) {
    const auto type = runtime.text("type");
    const auto model = runtime.required_text("model");
    const auto organization = runtime.text("organization");
    constexpr std::array kHub = {"huggingface", "hf_private_endpoint", "hf_public_endpoint",
                                 "public_model"};
    if (type && std::ranges::find(kHub, type->value) == kHub.end()) {
      lose(type->at, fmt::format("runtime.type '{}': a model that others serve; a host serves its "
                                 "own",
                                 type->value));
    }
    if (model) {
      const bool whole = model->value.contains('/') || !organization || organization->value.empty();
      const std::string name = whole ? model->value : organization->value + "/" + model->value;
      out.children.push_back(string_node("origin", {origin(name), model->at}));
    }
    out.children.push_back(string_node("runtime", runtime_name(runtime)));
    lose_keys(runtime, {"command", "args"}, "a plugin takes options, see [deployment.options]");
    lose_keys(runtime, {"endpointName", "endpoint_name"}, "an endpoint that others serve");
    warn_keys(runtime,
              {"servingPort", "serving_port", "metricPort", "metric_port", "readinessProbe",
               "readiness_probe", "startupProbe"},
              "a plugin says itself when it is ready");
    warn_keys(runtime, {"resources", "cpu", "memory"},
              "a plugin tells what it needs; [deployment.limits] memory bounds it");
  }

  std::string origin(const std::string& name) const {
    if (name.starts_with("file:")) return name;
    const std::string plain = name.starts_with("hf:") ? name.substr(3) : name;
    if (options_.models.empty()) return "hf:" + plain;
    return fmt::format("file:{}/{}", options_.models, plain.substr(plain.rfind('/') + 1));
  }

  // By the engine that an image holds.
  Text runtime_name(Table& runtime) {
    const auto image = runtime.text("image");
    const Position at = image ? image->at : runtime.position();
    if (!options_.runtime.empty()) return {options_.runtime, at};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kImages = {
        {{"text-embeddings-inference", "tei"}, {"text-generation-inference", "tgi"}}};
    for (const auto& [part, name] : kImages) {
      if (image && image->value.contains(part)) return {std::string(name), at};
    }
    errors_.add(at, image ? fmt::format("runtime.image '{}' is none that is known here: name the "
                                        "plugin that serves the model, as in --runtime tei",
                                        image->value)
                          : std::string("no runtime.image says which engine serves the model: name "
                                        "the plugin that does, as in --runtime tei"));
    return {"", at};
  }

  void envs(Node& env, Table& runtime) {
    for (Table& each : runtime.tables("envs")) {
      auto name = each.required_text("name");
      lose_keys(each, {"valueFrom"}, "a value that Kubernetes keeps: write it here, or ${VAR}");
      auto value = string_at(each, {"value"}, name ? name->value : "");
      if (name && value) env.children.push_back(*std::move(value));
    }
  }

  void configurations(Node& env, Table& spec) {
    auto table = spec.table("configurations");
    if (!table) return;
    for (const std::string& key : table->keys()) {
      auto each = table->table(key);
      if (!each) continue;
      Node out = node_of(Node::Type::kTable, key, table->position(key));
      add(out, string_at(*each, {"value"}, "value"));
      const auto secret = each->boolean("secret");
      if (secret.value_or(false)) add(out, boolean_node("secret", true, each->position("secret")));
      env.children.push_back(std::move(out));
    }
  }

  void scale(Node& to, Table& spec) {
    const std::string_view key = spelling(spec, {"serverlessConfig", "serverless_config"});
    auto table = spec.table(key);
    if (!table) return;
    Node out = node_of(Node::Type::kTable, "scale", spec.position(key));
    add(out, integer_at(*table, {"minNumReplicas", "min_num_replicas", "minScale"}, "minReplicas"));
    add(out, integer_at(*table, {"maxNumReplicas", "max_num_replicas", "maxScale"}, "maxReplicas"));
    add(out, string_at(*table, {"metric"}, "metric"));
    target(out, *table);
    add(out, integer_at(*table, {"scaleUpMinimum", "scale_up_minimum"}, "scaleUpMinimum"));
    add(out, string_at(*table, {"scaleDownDelay", "scale_down_delay"}, "scaleDownDelay"));
    add(out, string_at(*table, {"stableWindow", "stable_window"}, "stableWindow"));
    add(out, string_at(*table, {"lastPodRetentionPeriod", "last_pod_retention_period"},
                       "lastReplicaRetention"));
    lose_keys(*table, {"timeout"}, "[deployment.limits] has maxWait and answerTimeout");
    add_unless_empty(to, std::move(out));
  }

  // A number in quotes there.
  void target(Node& to, Table& scale) {
    const auto target = scale.scalar("target");
    if (!target) return;
    std::int64_t value = 0;
    const std::string& text = target->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      return scale.problem(target->at,
                           fmt::format("'target' must be a whole number, found '{}'", text));
    }
    to.children.push_back(integer_node("target", value, target->at));
  }

  const PublishedOptions& options_;
  Problems& errors_;
  Problems& warnings_;
  Position at_;  // of the document
  Node policies_ = node_of(Node::Type::kArray, "policy", {});
  Node environments_ = node_of(Node::Type::kArray, "environment", {});
  Node deployments_ = node_of(Node::Type::kArray, "deployment", {});
};

}  // namespace

bool is_published(const Node& document) {
  if (document.type != Node::Type::kTable) return false;
  if (const Node* version = document.find("apiVersion")) {
    return version->type == Node::Type::kString;
  }
  if (const Node* kind = document.find("kind")) {
    return kind->type == Node::Type::kString && !kind->text.empty() && kind->text[0] >= 'A' &&
           kind->text[0] <= 'Z';
  }
  // An object of the API: its runtime is a table, where a deployment here names one.
  const Node* spec = document.find("spec");
  const Node* runtime = (spec ? spec : &document)->find("runtime");
  return (spec && document.find("metadata")) || (runtime && runtime->type == Node::Type::kTable) ||
         (document.find("model") && runtime);
}

Node from_published(std::span<const Node> documents, const PublishedOptions& options,
                    Problems& errors, Problems& warnings) {
  Conversion conversion(options, errors, warnings);
  for (const Node& document : documents) conversion.take(document);
  return conversion.result();
}

}  // namespace tenon::config
