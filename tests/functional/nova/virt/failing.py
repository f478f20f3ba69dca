# SPDX-License-Identifier: Apache-2.0
"""Nova's fake hypervisor, which fails in the step that a server's metadata name.

``fail`` is the step, and perhaps how: ``unexpected``, an exception that is not Nova's;
``chained``, Nova's own exception that was raised from another one; ``abort``, one that makes Nova
try no other host; ``once``, at the first try.
"""

from pathlib import Path

import nova.conf
from nova import exception
from nova.virt import fake, node

#: The file in the deployment's folder that says that the hypervisor does not answer.
AWAY = "back-end-is-away"


class Driver(fake.MediumFakeDriver):
    def get_available_resource(self, nodename):
        _reach()
        found = super().get_available_resource(nodename)
        return {**found, "uuid": node.get_local_node_uuid()}

    def get_nodenames_by_uuid(self, refresh=False):
        (name,) = self.get_available_nodes()
        return {node.get_local_node_uuid(): name}

    def get_info(self, instance, use_cache=True):
        _reach()
        return super().get_info(instance, use_cache)

    def list_instance_uuids(self):
        _reach()
        return super().list_instance_uuids()

    def spawn(self, context, instance, *arguments, **options):
        _step("spawn", instance)
        super().spawn(context, instance, *arguments, **options)

    def destroy(self, context, instance, *arguments, **options):
        _step("destroy", instance)
        super().destroy(context, instance, *arguments, **options)

    def snapshot(self, context, instance, *arguments):
        _step("snapshot", instance)
        super().snapshot(context, instance, *arguments)

    def reboot(self, context, instance, *arguments, **options):
        _step("reboot", instance)
        super().reboot(context, instance, *arguments, **options)

    def power_off(self, instance, *arguments, **options):
        _step("power_off", instance)
        super().power_off(instance, *arguments, **options)

    def power_on(self, context, instance, *arguments, **options):
        _step("power_on", instance)
        super().power_on(context, instance, *arguments, **options)

    def pause(self, instance):
        _step("pause", instance)

    def unpause(self, instance):
        _step("unpause", instance)

    def suspend(self, context, instance):
        _step("suspend", instance)

    def resume(self, context, instance, *arguments, **options):
        _step("resume", instance)

    def rescue(self, context, instance, *arguments, **options):
        _step("rescue", instance)

    def unrescue(self, context, instance):
        _step("unrescue", instance)
        super().unrescue(context, instance)

    def set_admin_password(self, instance, new_pass):
        _step("set_admin_password", instance)

    def trigger_crash_dump(self, instance):
        _step("trigger_crash_dump", instance)

    def soft_delete(self, instance):
        _step("soft_delete", instance)

    def restore(self, instance):
        _step("restore", instance)

    def attach_volume(self, context, connection, instance, *others, **options):
        _step("attach_volume", instance)
        super().attach_volume(
            context, connection, instance, *others, **options
        )

    def detach_volume(self, context, connection, instance, *others, **options):
        _step("detach_volume", instance)
        super().detach_volume(
            context, connection, instance, *others, **options
        )

    def swap_volume(self, context, old, new, instance, *others):
        _step("swap_volume", instance)
        super().swap_volume(context, old, new, instance, *others)

    def extend_volume(self, context, connection, instance, size):
        _step("extend_volume", instance)

    def attach_interface(self, context, instance, image_meta, vif):
        _step("attach_interface", instance)
        super().attach_interface(context, instance, image_meta, vif)

    def detach_interface(self, context, instance, vif):
        _step("detach_interface", instance)
        super().detach_interface(context, instance, vif)

    def migrate_disk_and_power_off(
        self, context, instance, *others, **options
    ):
        _step("migrate_disk", instance)
        return super().migrate_disk_and_power_off(
            context, instance, *others, **options
        )

    def finish_migration(
        self, context, migration, instance, *others, **options
    ):
        _step("finish_migration", instance)
        super().finish_migration(
            context, migration, instance, *others, **options
        )

    def finish_revert_migration(self, context, instance, *others, **options):
        _step("finish_revert", instance)
        super().finish_revert_migration(context, instance, *others, **options)

    def confirm_migration(self, context, migration, instance, network_info):
        _step("confirm_migration", instance)
        super().confirm_migration(context, migration, instance, network_info)

    def check_can_live_migrate_destination(
        self, context, instance, *others, **options
    ):
        _step("check_destination", instance)
        return super().check_can_live_migrate_destination(
            context, instance, *others, **options
        )

    def check_can_live_migrate_source(self, context, instance, *others):
        _step("check_source", instance)
        return super().check_can_live_migrate_source(
            context, instance, *others
        )

    def pre_live_migration(self, context, instance, *others):
        _step("pre_live_migration", instance)
        return super().pre_live_migration(context, instance, *others)

    def live_migration(self, context, instance, *others, **options):
        _step("live_migration", instance)
        super().live_migration(context, instance, *others, **options)

    def post_live_migration(self, context, instance, *others, **options):
        """Forget the guest, which runs elsewhere now."""
        super().destroy(context, instance, None)


def _folder():
    return Path(nova.conf.CONF.state_path)


def _reach():
    if (_folder().parent / AWAY).exists():
        raise exception.HypervisorUnavailable()


def _is_mended(instance):
    """Whether the tests say that nothing of a server fails any more."""
    return (_folder().parent / f"mended-{instance.uuid}").exists()


def _step(step, instance):
    """Fail, or not, as the metadata of the server say."""
    wanted, _, how = instance.metadata.get("fail", "").partition(" ")
    if wanted != step or _is_mended(instance):
        return
    if how == "once":
        mark = _folder().parent / f"failed-{instance.uuid}"
        if mark.exists():
            return
        mark.touch()
    if how == "unexpected":
        raise RuntimeError(f"boom in {step}: password=hunter2 at 10.1.2.3")
    if how == "chained":
        try:
            raise OSError(f"{step}: no space left in /srv/guests on rack7")
        except OSError as exc:
            raise exception.NovaException(
                f"{step} could not be prepared"
            ) from exc
    if how == "abort":
        raise exception.BuildAbortException(
            instance_uuid=instance.uuid, reason=f"{step} refused by hypervisor"
        )
    raise exception.InstanceDeployFailure(
        reason=f"{step} refused by hypervisor"
    )
