#!/usr/bin/python3
"""The list of what we are built from names each package with its version, and is the same for the same build."""
import importlib.util
import json
import os
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
spec = importlib.util.spec_from_file_location("sbom", os.path.join(ROOT, "tools", "sbom.py"))
sbom = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sbom)


class Sbom(unittest.TestCase):
    def test_names_every_package_with_its_version(self):
        document = sbom.document()
        listed = {package["name"]: package for package in document["packages"]}
        for name in sbom.packages():
            self.assertIn(name, listed)
            self.assertRegex(listed[name]["versionInfo"], r"^[0-9]")
            self.assertIn(f"pkg:deb/debian/{name}@", listed[name]["externalRefs"][0]["referenceLocator"])
        with open(os.path.join(ROOT, "workers", "gateway", "console", "package.json"), encoding="utf-8") as file:
            for name, version in json.load(file)["dependencies"].items():
                self.assertEqual((listed[name]["versionInfo"], listed[name]["licenseDeclared"]), (version, "MIT"))
                self.assertEqual(len(listed[name]["checksums"][0]["checksumValue"]), 128)
        self.assertNotIn("typescript", listed)
        self.assertEqual(listed["tenantry"]["versionInfo"], sbom.own_version())
        refs = [package["SPDXID"] for package in document["packages"]]
        self.assertEqual(len(refs), len(set(refs)))
        related = {relation["relatedSpdxElement"] for relation in document["relationships"]}
        self.assertEqual(related, set(refs))

    def test_is_the_same_for_the_same_build(self):
        self.assertEqual(sbom.document(), sbom.document())


if __name__ == "__main__":
    unittest.main(verbosity=2)
