#include "host/cli/api_commands.h"

#include <array>

#include "host/cli/apply.h"
#include "host/cli/delete.h"
#include "host/cli/deploy.h"
#include "host/cli/get.h"
#include "host/cli/life_verbs.h"
#include "host/cli/logs.h"
#include "host/cli/metrics_command.h"
#include "host/cli/run.h"
#include "host/cli/usage_command.h"

namespace tenon::cli {
namespace {

// Of every verb here.
#define TENON_HOST_OPTIONS                                                                       \
  "  --api URL              the host: http://HOST:PORT, https://HOST:PORT, or unix:PATH of\n"    \
  "                         its control socket; default: $TENON_API, else port 8080 here\n"      \
  "  --ca-file FILE         who vouches for an https host; default: $TENON_CA_FILE, else whom\n" \
  "                         this machine trusts. --insecure asks whoever answers\n"              \
  "  --key-file FILE        holds an API key; default: $TENON_API_KEY\n"                         \
  "  --api-key KEY          the same as a word, which other users of the machine can see\n"      \
  "  -w, --workspace NAME   default: the host's own\n"

#define TENON_CHANGE_OPTIONS                                                \
  "  --dry-run              shows what would change, and changes nothing\n" \
  "  --force                changes also what a file of the host manages\n"

#define TENON_STATUSES                                                                          \
  "\nExit status: 0 done, 1 no answer, 2 the command line or a file is wrong and nothing was\n" \
  "done, 4 the host refused, 5 the host failed.\n"

constexpr std::array kCommands = {
    Command{"get", "Shows resources and lists of a host", "KIND [NAME] [-o table|json|toml|yaml]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    of a deployment; only its deployments, in a list
  -o, --output FORM      table (default), json, yaml (a document for each), or toml:
                         manifests that `tenon apply` takes
  --watch                goes on with what changes, until it is interrupted

Kinds: models (deployments), environments, policies, locations, workspaces, keys, plugins, audit,
nodes, devices, leases, revisions MODEL and events MODEL.
)" TENON_STATUSES
            R"(
examples:
  tenon get models
  tenon get models -e staging -o json
  tenon get policies -o toml > policies.toml
  tenon get revisions minilm
  tenon get devices
  tenon get models --watch
)",
            get},
    Command{"describe", "Shows all that a host knows of one resource", "KIND NAME",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    of a deployment; default: production
  --watch                shows it again at each change, until it is interrupted
)" TENON_STATUSES
            R"(
examples:
  tenon describe model minilm
  tenon describe model minilm --watch
  tenon describe environment production
)",
            describe},
    Command{
        "apply", "Creates or updates what manifests hold", "-f FILE|FOLDER|-… [--dry-run]",
        TENON_HOST_OPTIONS
        R"(  -f, --file FILE        a manifest in TOML or YAML, a folder of them, or - for standard input
  -R, --recursive        folders with those below them
  --runtime, --models, --lossy   how the published form is converted: see `tenon convert`
)" TENON_CHANGE_OPTIONS R"(
A manifest holds the tables [[deployment]], [[environment]], [[policy]], [[location]] and
[[workspace]], or in YAML what `tenon get -o yaml` prints. Each file is applied as a whole or not at all, one after another; a second time
changes nothing. A dry run looks at all files together.
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
  -f, --file FILE        what this manifest holds, all of it or nothing; what is not there is no
                         mistake then
  -R, --recursive        folders with those below them
  --dry-run              shows what would go, and removes nothing
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
    Command{"deploy", "Writes one deployment from flags", "MODEL --origin FOLDER --runtime NAME …",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
  --origin ORIGIN        a folder of this machine, or file:PATH of the host's
  --runtime NAME         a plugin's, see 'tenon get plugins'
  --flavor FLAVOR        cpu/x86; may come again, as the next ones may
  --policy NAME          a policy that it carries
  --option KEY=VALUE     of its plugin, see 'tenon plugin list --options'
  --env NAME=VALUE       of its process
  --label KEY=VALUE      for people
  --min N, --max N       replicas
  --target N             requests at once for each replica
  --retention TIME       how long the last replica stays without requests: 30s
  --canary PERCENT       of the requests, which is all that it gets beside what serves now
  --print                prints the manifest instead of sending it
)" TENON_CHANGE_OPTIONS R"(
What no flag says is as by default, also where the deployment was otherwise before.
)" TENON_STATUSES
            R"(
examples:
  tenon deploy echo --origin samples/echo --runtime echo
  tenon deploy minilm --origin models/all-MiniLM-L6-v2 --runtime tei --max 2 -e staging
  tenon deploy minilm --origin models/all-MiniLM-L6-v2 --runtime tei --print > minilm.toml
)",
            deploy},
    Command{"run", "Sends a request to a model and prints its answer as it comes",
            "MODEL [PATH] [-d DATA|@FILE] [-F FILE]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
  -d, --data DATA        the body, as JSON; @FILE takes it from a file, @- from standard input
  -F, --file FILE        the body is this file, with the type that its name says
  -X, --method METHOD    default: POST with a body, else GET
  -H, --header LINE      "Name: value"; may come again
  -i, --show-headers     the answer's status and headers, on standard error
  --timeout SECONDS      without a byte; default: 300

PATH is the runtime's own: /embed, /v1/embeddings. The workspace is 'default' without -w.

Exit status: 0 answered, 1 no answer, 2 the command line is wrong, 4 refused (HTTP 4xx), 5 failed
(HTTP 5xx). The body of an answer is on standard output, whatever it is; the host's own words are
on standard error.

examples:
  tenon run minilm /embed -d '{"inputs": "What is a tenon?"}'
  tenon run minilm /v1/embeddings -d @request.json -e staging
  tenon run echo '/?stream=3&sleep_ms=900' -d 'one two three' -H 'content-type: text/plain'
)",
            run_model},
    Command{"activate", "Lets a deployment's endpoint answer again", "MODEL [-e ENVIRONMENT]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
)" TENON_CHANGE_OPTIONS TENON_STATUSES
            R"(
examples:
  tenon activate minilm
)",
            activate},
    Command{"deactivate", "Drains a deployment; its endpoint answers nobody",
            "MODEL [-e ENVIRONMENT]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
)" TENON_CHANGE_OPTIONS TENON_STATUSES
            R"(
examples:
  tenon deactivate minilm -e staging
)",
            deactivate},
    Command{"release", "Copies a deployment over that of another environment",
            "MODEL --from ENVIRONMENT [--to ENVIRONMENT]",
            TENON_HOST_OPTIONS
            R"(  --from E               the environment of the deployment that is copied
  --to E                 where it goes; default: production
  --policies             with the deployment's policies; else the ones at the destination stay
  --canary PERCENT       of the requests, which is all that it gets at first
)" TENON_CHANGE_OPTIONS R"(
The destination goes on serving until the new revision is ready.
)" TENON_STATUSES
            R"(
examples:
  tenon release minilm --from staging --dry-run
  tenon release minilm --from staging --to production
)",
            release},
    Command{"rollback", "Makes an earlier revision of a deployment serve again",
            "MODEL [REVISION] [-e ENVIRONMENT]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
)" TENON_CHANGE_OPTIONS R"(
Without REVISION it is the one before; 'tenon get revisions MODEL' lists them.
)" TENON_STATUSES
            R"(
examples:
  tenon rollback minilm
  tenon rollback minilm 3 -e staging
)",
            rollback},
    Command{"canary", "Gives a canary more of the requests, all of them or none",
            "MODEL --weight PERCENT | --promote | --abort",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
  --weight PERCENT       of the requests, 1 to 99
  --promote              the canary follows the revision beside it
  --abort                the revision beside it gets all requests again
)" TENON_CHANGE_OPTIONS R"(
'tenon deploy --canary' and 'tenon release --canary' begin one.
)" TENON_STATUSES
            R"(
examples:
  tenon deploy minilm --origin models/all-MiniLM-L6-v2 --runtime tei --max 2 --canary 10
  tenon canary minilm --weight 50
  tenon canary minilm --promote
)",
            canary},
    Command{"logs", "Shows what was logged about a deployment, by its plugin too",
            "[-f] MODEL[@ENVIRONMENT]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    default: production
  -f, --follow           goes on with what comes, until it is interrupted
  --tail N               lines to begin with, at most 1000; default: 100
  -o, --output FORM      text (default), or json: an object a line

A host keeps the last 32 KiB of each deployment in memory, of all together 16 MiB; its own log on
standard error has everything. Values of secrets are never in it.
)" TENON_STATUSES
            R"(
examples:
  tenon logs minilm
  tenon logs -f minilm@staging --tail 10
)",
            logs},
    Command{"metrics", "Shows requests, times, replicas and tokens of deployments",
            "[MODEL[@ENVIRONMENT]] [-o table|json|prometheus]",
            TENON_HOST_OPTIONS
            R"(  -e, --environment E    only its deployments
  -o, --output FORM      table (default), json, or prometheus: the host's own text

Since the host started. FAILED counts answers of 500 and above, COLD MS is the mean of cold starts;
P50 and P99 are as exact as the buckets of the histogram. A key for it reads all workspaces.
)" TENON_STATUSES
            R"(
examples:
  tenon metrics
  tenon metrics minilm -o json
  tenon metrics -o prometheus
)",
            metrics},
    Command{"usage", "Shows what deployments used: requests, tokens, replica time, memory",
            "[--by WHAT] [--from TIME] [--to TIME]",
            TENON_HOST_OPTIONS
            R"(  --by WHAT              deployment (default), revision, flavor or environment
  --from TIME            2026-11-24, or 2026-11-24T16:00:00Z at the full hour before; default:
                         the month's begin
  --to TIME              likewise, at the full hour after; default: now
  -o, --output FORM      table (default), json, toml or yaml

Times are in UTC. What is at zero replicas uses nothing.
)" TENON_STATUSES
            R"(
examples:
  tenon usage
  tenon usage --by environment --from 2026-11-01 --to 2026-12-01
  tenon usage --by revision -o json
)",
            usage},
};

}  // namespace

std::span<const Command> api_commands() {
  return kCommands;
}

}  // namespace tenon::cli
