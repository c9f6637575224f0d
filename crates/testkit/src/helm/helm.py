"""Helm's own code and the strict schemas of Kubernetes, asked in JSON.

Standard input is a list of requests; standard output is a list of answers, each {"ok": ...} or {"error": "..."}. What a request may ask
for are the functions at the end; its other fields are their arguments.
"""

import contextlib
import functools
import json
import os
import sys

import helm_python
import jsonschema
import kubernetes_validate.utils
from helm_python import _native


def render(chart, values, **options):
    """The text of each template. The method of the class knows no version of Kubernetes, so this is the call under it."""
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        text = _native.call_string("helm_render", loaded._raw(), json.dumps(values), json.dumps(options))
    return json.loads(text)


def lint(chart, values, **options):
    """What Helm has to say against the chart; advice is left out."""
    report = helm_python.lint(chart, values, strict=True, **options)
    return [message for message in report["messages"] if message["severity"] > 1]


def validate(objects, version):
    """What is wrong with each object, by the strict schemas of a version of Kubernetes; null where nothing is, false for unknown kinds."""
    return [problem(thing, version) for thing in objects]


def problem(thing, version):
    try:
        kubernetes_validate.utils.validate(thing, version, strict=True)
    except kubernetes_validate.utils.SchemaNotFoundError:
        return False
    except jsonschema.ValidationError as error:
        return f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
    return None


def package(chart, folder, version):
    """The path of the chart's archive."""
    return helm_python.package(chart, destination=folder, version=version)


def on_cluster(action):
    def run(kubeconfig, namespace, name, **more):
        with helm_python.Config(kubeconfig_path=kubeconfig, namespace=namespace) as config:
            return action(config, name, **more)

    return run


def install(config, name, chart, values):
    return config.install(chart, name, values, create_namespace=True)


def upgrade(config, name, chart, values):
    return config.upgrade(chart, name, values)


def uninstall(config, name):
    return config.uninstall(name)


# Every validation would read megabytes of schemas anew.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

ACTIONS = {
    "render": render,
    "lint": lint,
    "validate": validate,
    "package": package,
    "install": on_cluster(install),
    "upgrade": on_cluster(upgrade),
    "uninstall": on_cluster(uninstall),
}


def answer(request):
    try:
        return {"ok": ACTIONS[request.pop("do")](**request)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


# Helm writes warnings to wherever it likes; answers have a way of their own.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
with contextlib.redirect_stdout(sys.stderr):
    told = [answer(request) for request in json.load(sys.stdin)]
json.dump(told, answers)
answers.close()
