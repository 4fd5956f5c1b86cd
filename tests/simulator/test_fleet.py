import itertools
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fleetlab.simulator.fleet import make_fleet
from fleetlab.simulator.tour import Activity

MADRID = (40.4168, -3.7038)
START = datetime(2026, 7, 1, 9, tzinfo=UTC)
DAY = 86_400.0


def fleet_of(count, *, seed=1, city=MADRID, start=START, zone="Europe/Madrid", **options):
    return make_fleet(count, seed=seed, city=city, start=start, zone=ZoneInfo(zone), **options)


@pytest.fixture(scope="module")
def fleet():
    return fleet_of(12)


@pytest.fixture(scope="module")
def large():
    return fleet_of(120)


def history(vehicle, step=5.0, seconds=9000, start=0.0):
    return [vehicle.at(start + n * step) for n in range(int(seconds / step))]


def metres(a, b):
    north = math.radians(b.lat - a.lat) * 6_371_008.8
    east = math.radians(b.lng - a.lng) * 6_371_008.8 * math.cos(math.radians(a.lat))
    return math.hypot(north, east)


def test_the_same_seed_makes_the_same_fleet_and_another_seed_another(fleet):
    again, other = fleet_of(12), fleet_of(12, seed=2)
    moments = [vehicle.at(777.0) for vehicle in fleet.vehicles]
    assert [vehicle.at(777.0) for vehicle in again.vehicles] == moments
    assert [vehicle.at(777.0) for vehicle in other.vehicles] != moments
    assert again.trackers == fleet.trackers


def test_what_was_asked_before_changes_no_answer(fleet):
    backwards = fleet_of(12)
    moments = (3 * DAY, 50_000.0, 10.0, -5_000.0)
    later = [[v.at(moment) for v in backwards.vehicles] for moment in moments]
    assert [[v.at(moment) for v in fleet.vehicles] for moment in reversed(moments)] == later[::-1]


def test_the_seed_means_the_same_on_every_machine(fleet):
    moment = fleet.vehicles[0].at(10.0)
    seen = (moment.lat, moment.lng, moment.speed, moment.heading)
    assert seen == (40.3661791, -3.7080187, 45, 174)


def test_more_vehicles_change_nothing_about_the_first_ones(fleet):
    more = fleet_of(20)
    pairs = zip(fleet.vehicles, more.vehicles, strict=False)
    assert all(few.at(500.0) == many.at(500.0) for few, many in pairs)


def test_a_vehicle_moves_as_fast_as_it_says(fleet):
    for vehicle in fleet.vehicles:
        for a, b in itertools.pairwise(history(vehicle, step=1.0, seconds=3000)):
            driven = (b.odometer_km - a.odometer_km) * 1000
            assert driven < 40 * (b.made - a.made) + 1e-6
            if 0 in (a.satellites, b.satellites) or b.made - a.made > 6:
                continue
            way = metres(a, b)
            wanders = 2.5 if a.movement == b.movement == "parked" else 0.0
            assert way <= driven + 1.5 + wanders
            if a.activity is b.activity is Activity.DRIVE and b.made - a.made < 1.5:
                mean = (a.speed + b.speed) / 2 / 3.6
                assert driven == pytest.approx(mean * (b.made - a.made), abs=2.5)


def test_status_speed_and_ignition_agree(fleet):
    for vehicle in fleet.vehicles:
        for moment in history(vehicle):
            if moment.satellites and moment.movement != "parked":
                assert (moment.movement == "moving") is (moment.speed > 0)
            assert (moment.movement == "parked") is (not moment.ignition)
            assert (moment.rpm > 0) is moment.ignition
            assert moment.status_since <= moment.made
            assert moment.ignition_since <= moment.made
            if moment.status_since > -3600:
                since = vehicle.where(moment.status_since + 1e-6)
                before = vehicle.where(moment.status_since - 1e-3)
                now = (moment.movement == "moving", moment.ignition)
                assert (since.activity is Activity.DRIVE, since.ignition) == now
                assert (before.activity is Activity.DRIVE, before.ignition) != now


def test_counters_never_run_backwards(fleet):
    for vehicle in fleet.vehicles:
        for a, b in itertools.pairwise(history(vehicle, step=300, seconds=5 * DAY)):
            assert 0 < a.odometer_km <= b.odometer_km
            assert 0 < a.engine_hours <= b.engine_hours


def test_fuel_burns_rises_at_filling_stations_and_is_never_out(large):
    fills = 0
    for vehicle in large.vehicles[:20]:
        for n in range(7 * 288):
            moment = n * 300.0
            before, after = vehicle.litres(moment), vehicle.litres(moment + 300)
            changes = [
                change
                for change in vehicle.duty.day(moment).changes
                if change.start < moment + 300 and change.end > moment
            ]
            for level, later, tank in zip(before, after, vehicle.kind.tanks, strict=True):
                assert 0 < later < tank
                if later > level:
                    fills += 1
                    assert "fill" in {change.kind for change in changes}
                elif not changes:
                    assert level - later < 0.02 * tank
    assert fills > 10


def test_half_a_minute_shows_every_status_and_a_refuelling(fleet):
    start = [vehicle.at(0.0) for vehicle in fleet.vehicles]
    counts = dict.fromkeys(("moving", "stopped", "parked"), 0)
    for moment in start:
        counts[moment.movement] += 1
    assert counts["moving"] >= 5
    assert counts["stopped"] >= 1
    assert counts["parked"] >= 1
    later = [vehicle.at(30.0) for vehicle in fleet.vehicles]
    pairs = list(zip(start, later, strict=True))
    assert any(a.movement == "moving" and b.movement != "moving" for a, b in pairs)
    assert any(b.activity is Activity.REFUEL for b in later)


def test_a_forgotten_device_was_last_heard_of_nine_days_ago(fleet):
    (silent,) = [vehicle for vehicle in fleet.vehicles if vehicle.silent_since is not None]
    moment = silent.at(1000.0)
    assert -9 * DAY - 60 <= moment.made <= -9 * DAY
    assert moment.movement == "parked"


def test_a_fleet_stays_around_its_city():
    sydney = (-33.8688, 151.2093)
    for vehicle in fleet_of(8, seed=3, city=sydney).vehicles:
        for moment in history(vehicle, step=60):
            assert abs(moment.lat - sydney[0]) < 0.6
            assert abs(moment.lng - sydney[1]) < 0.7


def test_vehicles_keep_to_the_roads_limits_but_for_some_drivers(large):
    shares = []
    for vehicle in large.vehicles:
        for leg in vehicle.duty.day(0.0).legs:
            above = sum(span.end - span.start for span in leg.tour.above(None))
            shares.append(above / leg.tour.duration)
            assert all(span.top_speed < 155 / 3.6 for span in leg.tour.above(None))
    assert 0.1 < sum(share > 0 for share in shares) / len(shares) < 0.6
    assert 0 < sum(shares) / len(shares) < 0.03


def test_the_night_is_quiet_and_the_morning_busy():
    def moving(hour):
        start = datetime(2026, 7, 1, hour, tzinfo=UTC)
        vehicles = fleet_of(400, start=start).vehicles[12:]
        return sum(vehicle.at(0.0).movement == "moving" for vehicle in vehicles) / len(vehicles)

    assert moving(1) < 0.1
    assert moving(9) > 0.2


def test_days_keep_to_the_local_clock_across_a_change_of_it():
    start = datetime(2026, 10, 23, 12, tzinfo=UTC)  # the clocks change in the night to Sunday 25th
    vehicle = fleet_of(13, start=start).vehicles[12]
    lengths = {
        round(day.end - day.start) for day in vehicle.duty.days(4 * DAY) if day.start < 3 * DAY
    }
    assert lengths == {86_400, 90_000}


def test_a_tunnel_takes_the_position_away_and_some_devices_ask_the_cell_towers(large):
    held = towers = 0
    for vehicle in large.vehicles:
        for leg in vehicle.duty.day(0.0).legs:
            for piece in leg.tour.pieces:
                if piece.sky_lost is not None and piece.duration > 5:
                    made = leg.start + piece.start + piece.duration - 1
                    report = vehicle.report(made)
                    entered = vehicle.report(leg.start + piece.sky_lost - 1e-3)
                    assert report.satellites == 0
                    assert report.from_cells is vehicle.kind.cells
                    if vehicle.kind.cells:
                        towers += 1
                        assert metres(report, vehicle.report(made - 1)) % 700 < 700
                        assert report.speed == 0
                    else:
                        held += 1
                        assert metres(report, entered) < 1
                        assert report.fixed_at < made - 3
    assert held
    assert towers


def test_what_a_device_stores_in_a_dead_zone_comes_afterwards(fleet):
    vehicle = fleet.vehicles[8]
    outage = next(one for one in vehicle.duty.day(200.0).outages if one.stores)
    during, after = vehicle.at(outage.end - 1), vehicle.at(outage.end + 1)
    assert outage.start - 2 <= during.made <= outage.start
    assert after.made > outage.end
    made, stored = after.made, []
    while (made := vehicle.previous(made)) > during.made:
        stored.append(vehicle.report(made))
    inside = [one for one in stored if outage.start <= one.made < outage.end]
    assert len(inside) > 5
    assert {one.at for one in inside} == {outage.end}


def test_a_flat_battery_loses_what_happened(large):
    vehicle = large.vehicles[20]
    outage = next(
        one for day in vehicle.duty.days(40 * DAY) for one in day.outages if not one.stores
    )
    assert not outage.start <= vehicle.latest(outage.end + 1e-3) < outage.end
    after = vehicle.latest(outage.end + 120)
    assert after >= outage.end
    made = after
    while made >= outage.end:
        made = vehicle.previous(made)
    assert made < outage.start


def test_level_sensors_have_their_faults(fleet):
    true = [vehicle.litres(60.0) for vehicle in fleet.vehicles]
    assert [len(litres) for litres in true[:6]] == [1, 2, 0, 1, 1, 1]
    robbed = fleet.vehicles[10]
    assert robbed.litres(239.0)[0] - robbed.litres(541.0)[0] == pytest.approx(28)
    leaking = fleet.vehicles[4]
    parked = leaking.duty.day(0.0).legs[0].end
    lost = leaking.litres(parked + 60)[0] - leaking.litres(parked + 1260)[0]
    assert lost == pytest.approx(0.2)
    stuck = fleet.vehicles[11]
    assert len({stuck.at(float(n)).levels for n in range(100, 2300, 50)}) == 1
    assert stuck.litres(100.0) != stuck.litres(2300.0)
    zero = fleet.vehicles[7]
    leg = zero.duty.day(0.0).legs[0]
    assert zero.report(leg.start + 1).levels == (0.0, 0.0)
    assert min(zero.report(leg.start + 20).levels) > 50


def test_some_devices_drift_and_some_wake_up_nowhere(large):
    drifting = large.vehicles[0]
    parked = drifting.duty.day(0.0).legs[0].end + 1
    seen = [drifting.report(parked + 60.0 * n) for n in range(20)]
    assert 5 < max(metres(seen[0], one) for one in seen) < 60
    assert {one.speed for one in seen} >= {0, 1}
    assert max(one.speed for one in seen) < 3
    cold = next(
        vehicle
        for vehicle in large.vehicles
        if vehicle.quirk == "cold_start" and vehicle.kind.tanks
    )
    leg = next(leg for day in cold.duty.days(7 * DAY) for leg in day.legs)
    assert (cold.report(leg.start + 1).lat, cold.report(leg.start + 1).satellites) == (0.0, 2)
    assert cold.report(leg.start + 5).lat > 1


@pytest.mark.parametrize(("vehicles", "clones"), [(1, 0), (7, 0), (8, 1), (12, 1), (300, 4)])
def test_small_fleets_have_no_clones(vehicles, clones):
    fleet = fleet_of(vehicles)
    ids = {tracker.tracker_id for tracker in fleet.trackers}
    assert len(fleet.vehicles) == vehicles
    assert sum(tracker.clone for tracker in fleet.trackers) == clones
    assert len(ids) == len(fleet.trackers) == vehicles + clones
    assert not ids & set(fleet.foreign_ids)
