# SPDX-License-Identifier: Apache-2.0
"""What people see in a browser: a real Keystone, Trove and Cinder, and a real Horizon.

In it are trove-dashboard as it is shipped, and our panel, installed as the manual says.  Needs all
of them in the same virtualenv (``tox -e dashboard``), and Chromium with its driver.
"""

import importlib.util

import pytest

from tests.fixtures import require
from tests.imports import loaded_by

# The first test makes the tables of three services, and Horizon's stylesheets.
pytestmark = pytest.mark.timeout(900)
PACKAGES = (
    "keystone",
    "trove",
    "cinder",
    "openstack_dashboard",
    "trove_dashboard",
    "selenium",
)
# The second half is what Horizon's AngularJS evaluates.
SCRIPT = "<script>document.title = 'run'</script><b>bold</b> {$ 6 * 7 $}"
LONG_LINE = "the end of a long line"
DETAILS = f"Traceback (most recent call last):\n  {'x' * 400} {LONG_LINE}"


@pytest.fixture(scope="module")
def dashboard():
    """The modules of the stand, where all that they need is installed."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            require(
                "dashboard",
                f"{name} is not installed; tox -e dashboard has it",
            )
    from tests.functional.dashboard import browser, deployment, pictures

    if browser.missing():
        require(
            "dashboard", f"{' and '.join(browser.missing())} not installed"
        )
    return browser, deployment, pictures


@pytest.fixture(scope="module")
def cloud(dashboard, mariadb, broker, tmp_path_factory):
    _, deployment, pictures = dashboard
    folder = tmp_path_factory.mktemp("dashboard")
    with deployment.stand(folder, mariadb=mariadb, broker=broker) as running:
        pictures.fail(running)
        yield running


@pytest.fixture(scope="module")
def alice(dashboard, cloud, tmp_path_factory):
    """The browser of a member of the project orders."""
    folder = tmp_path_factory.mktemp("alice")
    with dashboard[0].signed_in(cloud.horizon, "alice", folder) as browser:
        yield browser


@pytest.fixture(scope="module")
def admin(dashboard, cloud, tmp_path_factory):
    folder = tmp_path_factory.mktemp("admin")
    with dashboard[0].signed_in(cloud.horizon, "admin", folder) as browser:
        yield browser


def messages(browser, path):
    """What the panel lists."""
    browser.open(path)
    browser.wait_for(".faults")
    return browser.texts(".faults-message")


def test_trove_dashboard_shows_the_owner_the_message_and_no_details(
    dashboard, cloud, alice, tmp_path
):
    """Trove has notified of it."""
    dashboard[2].database(alice, cloud, tmp_path / "wide.png")

    (text, *_) = alice.texts(".tab-pane .detail")
    assert "Fault\nMessage\n" in text
    assert dashboard[2].REASON in text
    assert "Traceback" not in text


def test_trove_dashboard_shows_an_administrator_the_details(
    dashboard, cloud, admin, tmp_path
):
    dashboard[2].database(admin, cloud, tmp_path / "wide.png")

    (text, *_) = admin.texts(".tab-pane .detail")
    assert dashboard[2].REASON in text
    assert "Traceback (most recent call last)" in text


def test_the_pages_fit_a_wide_and_a_narrow_window(dashboard, admin, tmp_path):
    for draw, width in (
        (dashboard[2].everything, dashboard[2].WIDE),
        (dashboard[2].telephone, dashboard[2].NARROW),
    ):
        draw(admin, tmp_path / f"{width}.png")

        assert admin.width() == width
        assert (tmp_path / f"{width}.png").stat().st_size < 150_000


def test_a_member_reads_what_failed_in_the_project_and_no_details(
    cloud, alice
):
    own = cloud.region.of("orders")

    listed = messages(alice, "/project/faults/")

    assert len(listed) == 2
    assert own["cinder"].message in listed
    alice.open_row(own["cinder"].message)
    (opened,) = alice.texts(".faults-more .collapse.in")
    assert opened == (
        f"Message\n{own['cinder'].message}"
        f"\nProject\n{own['cinder'].project_id}"
    )
    (text,) = alice.texts(".faults-table")
    assert own["cinder"].id in text
    assert "billing" not in text


def test_a_member_does_not_get_the_page_of_administrators(alice):
    assert messages_or_none(alice, "/admin/faults/") is None


def messages_or_none(browser, path):
    browser.open(path)
    return browser.texts(".faults-message") or None


def test_an_administrator_reads_what_failed_in_all_projects(admin):
    listed = messages(admin, "/admin/faults/")
    of_their_own = messages(admin, "/project/faults/")

    assert len(listed) == 4
    assert of_their_own == []
    assert admin.texts(".faults-none") == [
        "Nothing in this project has a fault."
    ]


def test_a_row_opens_the_details_whose_long_lines_are_scrolled_inside(
    cloud, admin
):
    cloud.fail(cloud.region.of("billing")["trove"], "It is full.", DETAILS)
    for width in (1280, 400):
        admin.resize(width, 800)
        messages(admin, "/admin/faults/")

        admin.open_row("It is full.")

        (text,) = admin.texts(".faults-more .collapse.in pre")
        assert text == DETAILS
        assert admin.width() == width


def test_rows_are_found_by_a_text_and_by_a_service(cloud, admin):
    failed = cloud.region.of("orders")["cinder"]

    by_text = messages(admin, "/admin/faults/?text=VOLUME+OF+orders")
    by_id = messages(admin, f"/admin/faults/?text={failed.id}")
    by_service = messages(admin, "/admin/faults/?service=cinder")
    by_nothing = messages(admin, "/admin/faults/?text=nosuch")

    assert by_text == by_id == [failed.message]
    assert len(by_service) == 2
    assert by_nothing == []
    assert admin.texts(".faults-none") == ["No fault has this text in it."]


def test_what_is_typed_into_the_filter_is_looked_for(cloud, admin):
    messages(admin, "/admin/faults/")

    admin.type("[name=text]", "volume of orders\n")

    admin.wait_for("[value='volume of orders']")
    failed = cloud.region.of("orders")["cinder"]
    assert admin.texts(".faults-message") == [failed.message]


def test_a_script_in_a_message_or_in_the_filter_is_text(cloud, alice):
    cloud.fail(cloud.region.of("orders")["cinder"], SCRIPT, SCRIPT)

    listed = messages(alice, "/project/faults/?text=%3Cscript%3E")

    # Horizon itself writes braces of AngularJS in another way.
    assert listed == [SCRIPT.replace("$", "%")]
    assert alice.driver.title != "run"
    assert alice.texts(".faults b") == []
    assert alice.value("[name=text]") == "<script>"


def test_a_service_that_is_down_is_a_line_without_its_address(cloud, alice):
    with cloud.region.away("trove"):
        listed = messages(alice, "/project/faults/")

    assert len(listed) == 1
    assert alice.texts(".faults-remark") == [
        "database (trove): the service does not answer"
    ]


def test_nothing_of_a_server_is_loaded_into_horizon(cloud):
    loaded = loaded_by(
        "import django; django.setup()\n"
        "import fault_middleware.dashboard.views",
        env=cloud.horizon.environ,
        cwd=cloud.horizon.folder,
    )

    assert "fault_middleware.client.cloud" in loaded
    servers = {"sqlalchemy", "oslo_messaging", "oslo_db"}
    assert servers.isdisjoint(loaded)
    assert "fault_middleware.store" not in loaded


def test_the_panel_is_gone_when_the_manual_has_been_followed(
    dashboard, cloud, tmp_path
):
    """The last test: the Horizon that the others use goes on with what it has loaded."""
    _, deployment, _ = dashboard
    horizon = cloud.horizon
    horizon.follow(deployment.REMOVE)
    again = horizon.elsewhere()
    with (
        again.served(),
        dashboard[0].signed_in(again, "alice", tmp_path) as browser,
    ):
        assert messages_or_none(browser, "/project/faults/") is None
        browser.open("/project/databases/")
        browser.wait_for("#content_body table")
        assert browser.texts("[href$='/faults/']") == []
