"""For sequences of calls: wishes that can come true, so that there is something to go on with."""

import os

import schemathesis

# What of a deployment is made up; what must fit the host is given.
FREE = ("model", "enabled", "canary")
GIVEN = {"runtime": "echo", "origin": os.environ["TENON_ORIGIN"], "environment": "production"}


@schemathesis.hook
def map_query(context, query):
    return {key: value for key, value in query.items() if key != "dryRun"} if query else query


@schemathesis.hook
def map_body(context, body):
    spec = body.get("spec", body) if isinstance(body, dict) else None
    if context.operation.path not in ("/v0/models", "/v0/models/{model}"):
        return body
    if isinstance(spec, dict):
        for key in [key for key in spec if key not in FREE]:
            del spec[key]
        spec.update(GIVEN)
    return body
