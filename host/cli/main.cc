#include <exception>
#include <iostream>
#include <iterator>
#include <span>
#include <vector>

#include "host/cli/api_commands.h"
#include "host/cli/backup.h"
#include "host/cli/command.h"
#include "host/cli/completion.h"
#include "host/cli/convert.h"
#include "host/cli/doctor.h"
#include "host/cli/keys_commands.h"
#include "host/cli/plugin_commands.h"
#include "host/cli/plugin_new.h"
#include "host/cli/plugin_validate.h"
#include "host/cli/serve.h"
#include "host/cli/simulate.h"

namespace {

int complete(const tenon::cli::Arguments&, tenon::cli::Streams);

constexpr tenon::cli::Command kCommands[] = {
    {"serve", "Starts a host and serves until SIGTERM", "CONFIG.toml",
     R"(  --check    read the configuration, say what is wrong with it, start nothing

Paths in the file are relative to the working directory. configs/reference.toml shows every key.
SIGTERM finishes what runs and ends, a second one ends at once; SIGHUP reads the file again and
touches only what changed. Exit status 2: the file has mistakes and nothing was started.

examples:
  tenon serve configs/quickstart.toml
  tenon serve --check configs/quickstart.toml
)",
     tenon::cli::serve},
    {"keys create", "Makes an API key and shows it this once", "--role ROLE [--out FILE] [WHERE]",
     R"(  --role ROLE          admin: everything; member: reads, writes models; invoke: calls endpoints
  -w, --workspace W    the only workspace that it is for; default: all of them
  --name N             for people
  --expires TIME       90d, 12h, 30m; default: never
  --rate N/s           requests a second that it may send, with bursts of a second's worth;
                       default: [host.limits] requestsPerSecondPerKey
  --out FILE           writes the key into a new file that only its owner may read
  --api URL            WHERE: a running host, http://HOST:PORT or unix:PATH; default: $TENON_API,
                       else http://127.0.0.1:8080
  --api-key KEY        … which is asked with this key; default: $TENON_API_KEY
  --key-file FILE      … or with that in a file
  --config FILE        … or the store of a host that does not run, by its configuration
  --data FOLDER        … or by its [host] data

The first key closes a host for ever: from then on every request needs one.

examples:
  tenon keys create --role admin --config configs/quickstart.toml
  tenon keys create --role admin --data var/tenon --out admin.key
  tenon keys create --role invoke --workspace default --name ci --expires 90d --rate 100/s
)",
     tenon::cli::keys_create},
    {"keys list", "Shows the API keys, without what they are",
     "[-w W] [-o table|json|toml|yaml] [WHERE]",
     R"(  -w, --workspace W    those of one workspace; default: all that the key manages
  -o, --output FORM    table (default), json, toml or yaml
  --api, --api-key, --key-file, --config, --data   as for `tenon keys create`

examples:
  tenon keys list
  tenon keys list --data var/tenon -o json
)",
     tenon::cli::keys_list},
    {"keys delete", "Deletes an API key: it is refused from then on", "ID [WHERE]",
     R"(  ID   as `tenon keys list` shows it
  --api, --api-key, --key-file, --config, --data   as for `tenon keys create`

examples:
  tenon keys delete k3x9q0f7m2ab1
)",
     tenon::cli::keys_delete},
    {"plugin list", "Lists the installed plugins without opening them",
     "[--plugins FOLDER]… [--options]",
     R"(  --plugins FOLDER    where to look; default: the folder 'plugins' beside tenon's own
  --options           the options that a deployment may set, for each plugin

examples:
  tenon plugin list
  tenon plugin list --options --plugins build/release/plugins
)",
     tenon::cli::plugin_list},
    {"plugin inspect", "Opens a plugin's library in a process of its own", "LIBRARY.so",
     R"(Shows what the library says of itself, or why a host would refuse it.

examples:
  tenon plugin inspect build/release/plugins/echo/tenon_echo.so
)",
     tenon::cli::plugin_inspect},
    {"plugin validate", "Holds a plugin against the rules of tenon/plugin.h",
     "LIBRARY.so [--model FOLDER] [--request R]…",
     R"(Looks at the library, then drives it through its life as a host would, each check in a process of
its own: a crash, a hang, an exit are results. The manifest beside the library gives id, version and
the options' defaults.

  --model FOLDER      a model that it serves; default: an empty folder
  --request R         'METHOD /path body' that it understands, again for each
  --option N=V        one of its options, again for each
  --only CHECK        this check alone, again for each
  --seed N            of the random requests; default: 1
  --json              the result for programs

Exit status: 0 it keeps the rules, 1 it breaks one, 2 the command line is wrong.

examples:
  tenon plugin validate build/release/plugins/echo/tenon_echo.so
  tenon plugin validate build/release/plugins/tei/tenon_tei.so --model models/all-MiniLM-L6-v2 \
    --request 'POST /embed {"inputs": "What is deep learning?"}'
)",
     tenon::cli::plugin_validate},
    {"plugin new", "Writes a first plugin to begin with", "NAME [FOLDER] [--sdk FOLDER]",
     R"(Makes a folder with a plugin of a page, its manifest and a CMake project with a test; it compiles as
it is, with any C++20 compiler.

  FOLDER          default: NAME; it must not be there yet
  --sdk FOLDER    Tenon's sdk; default: that of the tree that this program was built in

examples:
  tenon plugin new my-model
  cmake -S my-model -B my-model/build && cmake --build my-model/build && ctest --test-dir my-model/build
)",
     tenon::cli::plugin_new},
    {"convert", "Prints a manifest in another form", "FILE [-o toml|json|yaml]",
     R"(Reads Tenon's own manifests in TOML, YAML or JSON, and those of the published form that its
vocabulary follows (apiVersion: beamlit.com/…, both generations, and objects of that API). What has
no place here is an error that names line and column. Asks no host.

  FILE                 - is standard input
  -o, --output FORM    toml (default), json or yaml
  --runtime NAME       the plugin that serves models whose own runtime is not known here
  --models FOLDER      where models of a hub lie: org/name is file:FOLDER/name; default: hf:org/name
  --lossy              leaves out what has no place here, and says so

examples:
  tenon convert old-models.yaml --runtime tei --models models > fleet.toml
  tenon convert configs/fleet.toml -o yaml
)",
     tenon::cli::convert},
    {"backup", "Copies a host's store to a file, also while it serves", "FILE [--data FOLDER]",
     R"(The store holds resources, revisions, keys and the audit log; models are not in it. The copy is
checked, and no file is ever replaced. It holds secrets: keep it as you keep those.

  --data FOLDER    the host's `data` folder; default: var/tenon

examples:
  tenon backup store-monday.db
  tenon backup /backup/store.db --data /var/lib/tenon
)",
     tenon::cli::backup},
    {"restore", "Makes a backup the store of a host that does not run", "FILE [--data FOLDER]",
     R"(The backup is checked first. The store that was there stays beside it as
tenon.db.before-restore.

  --data FOLDER    the host's `data` folder; default: var/tenon

examples:
  tenon restore store-monday.db
  tenon restore /backup/store.db --data /var/lib/tenon
)",
     tenon::cli::restore},
    {"doctor", "Says what this machine has of what a host can use", "[--config CONFIG.toml]",
     R"(Looks at the processor, programs, plugins, disk, addresses, what the kernel confines plugins with,
GPUs and Docker; what is missing is told with what that costs. Changes nothing.

  --config CONFIG.toml    look at what this file names

Exit status: 0 a host can serve, 1 it cannot.

examples:
  tenon doctor
  tenon doctor --config configs/quickstart.toml
)",
     tenon::cli::doctor},
    {"simulate", "Plays a trace of requests against a machine that does not exist",
     "CONFIG… --trace FILE [-o table|json|toml|yaml]",
     R"(Decides as a host does (placement, eviction, scaling, policies), on a clock of its own, and prints
cold starts, waits, refusals and how much of each flavor was used. CONFIG are files and folders that
hold [[node]], [[workload]] and the resources of a fleet; docs/operators.md shows them.

  --trace FILE            requests, as CSV or as lines of JSON: time and deployment, perhaps
                          duration (both in seconds) and tokens; - is standard input
  -o, --output FORM       table (default), json, toml or yaml

examples:
  tenon simulate machine.toml fleet --trace monday.csv
  tenon simulate machine.toml fleet --trace monday.csv -o json
)",
     tenon::cli::simulate},
    {"completion", "Prints what completes these verbs in a shell", "bash|zsh",
     R"(examples:
  source <(tenon completion bash)
  source <(tenon completion zsh)
  tenon completion bash > ~/.local/share/bash-completion/completions/tenon
)",
     complete},
};

std::span<const tenon::cli::Command> all_commands() {
  static const std::vector<tenon::cli::Command> kAll = [] {
    std::vector<tenon::cli::Command> all(std::begin(kCommands), std::end(kCommands));
    const auto of_api = tenon::cli::api_commands();
    all.insert(all.begin() + 1, of_api.begin(), of_api.end());
    return all;
  }();
  return kAll;
}

int complete(const tenon::cli::Arguments& words, tenon::cli::Streams streams) {
  return tenon::cli::completion(all_commands(), words, streams);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return tenon::cli::dispatch(all_commands(), {argv + 1, argv + argc}, {std::cout, std::cerr});
  } catch (const std::exception& error) {
    std::cerr << "tenon: " << error.what() << "\n";
    return tenon::cli::kFailed;
  }
}
