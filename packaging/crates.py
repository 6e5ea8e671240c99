#!/usr/bin/env python3
"""What crates are compiled into melu, by `cargo metadata` and Cargo.lock.

    crates.py sbom [--package FOLDER] [--features LIST] >FILE      as CycloneDX 1.5, in JSON
    crates.py licences [--package FOLDER] [--features LIST] >FILE  the texts of their licences

FOLDER has another package's Cargo.toml and Cargo.lock, as bindings/python. LIST has cargo's features, separated by commas; without it, it is the library alone. Crates for
all systems are listed. Those that run only while compiling have the scope "excluded" in the SBOM.
The output depends on the sources and SOURCE_DATE_EPOCH alone.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
# What the Rust compiler adds, whose licences are those of the Rust project.
STANDARD_LIBRARY = """Rust's standard library (https://github.com/rust-lang/rust), by The Rust Project contributors,
is licensed under MIT or Apache 2.0. Its texts are those of any crate above with these licences.
"""


def metadata(folder, features):
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--features={features}"]
    return json.loads(subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def graph(found):
    """The crates that melu needs: id to (package, what it depends on, is part of the library)."""
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    root = found["resolve"]["root"]
    reached = {}

    def visit(key, linked):
        linked = linked and not is_macro(packages[key])
        if key in reached and (reached[key][2] or not linked):
            return
        needed = []
        for dependency in nodes[key]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            if None in kinds or "build" in kinds:
                needed.append((dependency["pkg"], linked and None in kinds))
        reached[key] = packages[key], sorted(pkg for pkg, _ in needed), linked
        for pkg, of_it in needed:
            visit(pkg, of_it)

    visit(root, True)
    return root, dict(sorted(reached.items(), key=lambda entry: name(entry[1][0])))


def name(package):
    return f"{package['name']} {package['version']}"


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums, linked):
    of = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "description": " ".join((package["description"] or "").split()),
        "scope": "required" if linked else "excluded",
        # Some crates still have the old sign for "or".
        "licenses": [{"expression": (package["license"] or "").replace("/", " OR ")}],
        "purl": purl(package),
    }
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        of["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        of["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return of


def sbom(folder, features):
    root, reached = graph(metadata(folder, features))
    locked = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
    checksums = {(of["name"], of["version"]): of.get("checksum") for of in locked}
    for package, _, _ in reached.values():
        known = checksums.get((package["name"], package["version"]))
        if package["source"] == REGISTRY and not known:
            sys.exit(f"crates.py: Cargo.lock has no checksum of {name(package)}")
    melu, needed, _ = reached.pop(root)
    whole = component(melu, {}, True) | {"type": "application" if features else "library"}
    del whole["scope"]
    time = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), datetime.UTC)
    edges = [(melu, needed), *((package, of) for package, of, _ in reached.values())]
    dependencies = [
        {"ref": purl(package), "dependsOn": [purl(reached[key][0]) for key in of]}
        for package, of in edges
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, purl(melu) + features + str(time))}",
        "version": 1,
        "metadata": {
            "timestamp": time.isoformat().replace("+00:00", "Z"),
            "tools": {"components": [{"type": "application", "name": "melu's packaging/crates.py"}]},
            "component": whole,
            "properties": [{"name": "cargo:features", "value": features or "none"}],
        },
        "components": [component(package, checksums, linked) for package, _, linked in reached.values()],
        "dependencies": dependencies,
    }


def licence_files(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    names = ("LICENSE", "LICENCE", "COPYING", "UNLICENSE", "NOTICE", "COPYRIGHT")
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(names))


def licences(folder, features):
    root, reached = graph(metadata(folder, features))
    texts = {}
    for package, _, linked in reached.values():
        if package["id"] == root or not linked:
            continue
        heading = f"{name(package)}: {package['license']}"
        files = licence_files(package)
        if not files:
            authors = ", ".join(package["authors"]) or "its authors"
            texts.setdefault(f"(The crate has no file of a licence; it is by {authors}.)", []).append(heading)
        for file in files:
            texts.setdefault(file.read_text(errors="replace").strip(), []).append(heading)
    print("Crates that are compiled into melu, each under one of the licences it names.\n")
    for text, headings in texts.items():
        print("=" * 80, *headings, "", text, "", sep="\n")
    print("=" * 80, STANDARD_LIBRARY, sep="\n", end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["sbom", "licences"])
    parser.add_argument("--package", type=pathlib.Path, default=ROOT)
    parser.add_argument("--features", default="")
    given = parser.parse_args()
    if given.what == "licences":
        licences(given.package, given.features)
    else:
        json.dump(sbom(given.package, given.features), sys.stdout, indent=1, ensure_ascii=False)
        print()


main()
