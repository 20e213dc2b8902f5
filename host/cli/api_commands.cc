#include "host/cli/api_commands.h"

#include <array>

#include "host/cli/apply.h"
#include "host/cli/delete.h"
#include "host/cli/get.h"

namespace tenon::cli {
namespace {

// Of every verb here.
#define TENON_HOST_OPTIONS                                                                      \
  "  --api URL              the host: http://HOST:PORT, or unix:PATH of its control socket;\n"  \
  "                         default: $TENON_API, else http://127.0.0.1:8080\n"                  \
  "  --api-key KEY          default: $TENON_API_KEY, which other users of the machine do not\n" \
  "                         see\n"                                                              \
  "  -w, --workspace NAME   default: the host's own\n"

#define TENON_STATUSES                                                                          \
  "\nExit status: 0 done, 1 no answer, 2 the command line or a file is wrong and nothing was\n" \
  "done, 4 the host refused, 5 the host failed.\n"

constexpr std::array kCommands = {
    Command{"get", "Shows resources and lists of a host", "KIND [NAME] [-o table|json|toml]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    of a deployment; only its deployments, in a list
  -o, --output FORM      table (default), json, or toml: manifests that `tenon apply` takes
  --watch                shows it again every two seconds

Kinds: models (deployments), environments, policies, locations, workspaces, plugins, audit, and
revisions MODEL. 'tenon get devices' shows this machine's own.
)" TENON_STATUSES
            R"(
examples:
  tenon get models
  tenon get models -e staging -o json
  tenon get policies -o toml > policies.toml
  tenon get revisions minilm
  tenon get models --watch
)",
            get},
    Command{"describe", "Shows all that a host knows of one resource", "KIND NAME",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    of a deployment; default: production
)" TENON_STATUSES
            R"(
examples:
  tenon describe model minilm
  tenon describe environment production
)",
            describe},
    Command{
        "apply", "Creates or updates what manifests hold", "-f FILE|FOLDER|-… [--dry-run]",
        TENON_HOST_OPTIONS
        R"(  -f, --file FILE        a manifest in TOML, a folder of them, or - for standard input
  -R, --recursive        folders with those below them
  --dry-run              shows what would change, and changes nothing
  --force                changes also what a file of the host manages

A manifest holds the tables [[deployment]], [[environment]], [[policy]], [[location]] and
[[workspace]]. Each file is applied as a whole or not at all; a second time changes nothing.
${NAME} in a string is the variable of the environment; $${ stands for ${. Paths of `file:`
origins are the host's: relative ones count from the folder that it was started in.
)" TENON_STATUSES
        R"(
examples:
  tenon apply -f configs/fleet.toml --dry-run
  tenon apply -f configs/fleet.toml
  tenon apply -R -f fleet/
  tenon get models -o toml | tenon apply -f - --api http://127.0.0.1:9000
)",
        apply},
    Command{"delete", "Removes resources", "KIND NAME… | -f FILE…",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    of a deployment; default: production
  -f, --file FILE        what this manifest holds; what is not there is no mistake then
  -R, --recursive        folders with those below them
  --dry-run              shows what would go, and removes nothing; of a file, what of it is there
  --force                removes also what a file of the host manages

The environments production and development are always there: -f takes away what they carry.
)" TENON_STATUSES
            R"(
examples:
  tenon delete model minilm -e staging
  tenon delete policy eu-only
  tenon delete -f configs/fleet.toml --dry-run
)",
            remove},
};

}  // namespace

std::span<const Command> api_commands() {
  return kCommands;
}

}  // namespace tenon::cli
