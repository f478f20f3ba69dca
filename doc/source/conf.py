# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx."""

project = "fault_middleware"
copyright = "the fault_middleware contributors"
extensions = ["openstackdocstheme"]
html_theme = "openstackdocs"
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = "fault_middleware"
openstackdocs_use_storyboard = False
openstackdocs_bug_project = ""
version = release = "0.1.0"
nitpicky = True
