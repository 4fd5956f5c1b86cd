import itertools
import math

import pytest

from fleetlab.simulator.fleet import make_fleet
from fleetlab.simulator.tour import Activity

MADRID = (40.4168, -3.7038)


@pytest.fixture(scope="module")
def fleet():
    return make_fleet(12, seed=1, city=MADRID)


def history(vehicle, step=5.0, seconds=9000):
    return [vehicle.at(n * step) for n in range(int(seconds / step))]


def metres(a, b):
    north = math.radians(b.lat - a.lat) * 6_371_008.8
    east = math.radians(b.lng - a.lng) * 6_371_008.8 * math.cos(math.radians(a.lat))
    return math.hypot(north, east)


def test_the_same_seed_makes_the_same_fleet_and_another_seed_another(fleet):
    again = make_fleet(12, seed=1, city=MADRID)
    other = make_fleet(12, seed=2, city=MADRID)
    moments = [vehicle.at(777.0) for vehicle in fleet.vehicles]
    assert [vehicle.at(777.0) for vehicle in again.vehicles] == moments
    assert [vehicle.at(777.0) for vehicle in other.vehicles] != moments
    assert again.trackers == fleet.trackers


def test_the_seed_means_the_same_on_every_machine(fleet):
    moment = fleet.vehicles[0].at(10.0)
    seen = (moment.lat, moment.lng, moment.speed, moment.heading)
    assert seen == (40.4574009, -3.640723, 72, 223)


def test_more_vehicles_change_nothing_about_the_first_ones(fleet):
    more = make_fleet(20, seed=1, city=MADRID)
    pairs = zip(fleet.vehicles, more.vehicles, strict=False)
    assert all(few.at(500.0) == many.at(500.0) for few, many in pairs)


def test_a_vehicle_moves_as_fast_as_it_says(fleet):
    for vehicle in fleet.vehicles:
        for a, b in itertools.pairwise(history(vehicle, step=1.0, seconds=3000)):
            if a.at == b.at:
                continue
            way = metres(a, b)
            assert way < 40
            if a.activity is b.activity is Activity.DRIVE:
                mean = (a.speed + b.speed) / 2 / 3.6
                assert way == pytest.approx(mean * (b.at - a.at), abs=2.5)
            assert (b.odometer_km - a.odometer_km) * 1000 == pytest.approx(way, abs=1.5)


def test_status_speed_and_ignition_agree(fleet):
    for vehicle in fleet.vehicles:
        for moment in history(vehicle):
            assert (moment.movement == "moving") is (moment.speed > 0)
            assert (moment.movement == "parked") is (not moment.ignition)
            assert (moment.rpm > 0) is moment.ignition
            assert moment.status_since <= moment.at
            assert moment.ignition_since <= moment.at
            assert vehicle.at(moment.status_since + 1e-6).movement == moment.movement
            assert vehicle.at(moment.status_since - 1e-3).movement != moment.movement


def test_counters_never_run_backwards(fleet):
    for vehicle in fleet.vehicles:
        for a, b in itertools.pairwise(history(vehicle, seconds=20_000)):
            assert 0 < a.odometer_km <= b.odometer_km
            assert 0 < a.engine_hours <= b.engine_hours


def test_fuel_burns_and_rises_only_at_the_filling_station(fleet):
    fills = 0
    for vehicle in fleet.vehicles:
        for a, b in itertools.pairwise(history(vehicle, seconds=20_000)):
            for before, after, tank in zip(a.levels, b.levels, vehicle.kind.tanks, strict=True):
                assert 0 < after < tank
                assert before - after < 0.006 * tank
                if after - before > 0.006 * tank:
                    fills += 1
                    assert a.activity is Activity.REFUEL or b.activity is Activity.REFUEL
    assert fills > 3


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
    assert -9 * 86_400 - 60 <= moment.at <= -9 * 86_400
    assert moment.movement == "parked"
    assert silent.at(-1_000_000.0).at < moment.at


def test_the_past_can_be_asked_for(fleet):
    vehicle = fleet.vehicles[0]
    assert vehicle.at(-50_000.0).odometer_km < vehicle.at(0.0).odometer_km


def test_a_fleet_stays_around_its_city():
    sydney = (-33.8688, 151.2093)
    for vehicle in make_fleet(8, seed=3, city=sydney).vehicles:
        for moment in history(vehicle, step=60):
            assert abs(moment.lat - sydney[0]) < 0.25
            assert abs(moment.lng - sydney[1]) < 0.3


@pytest.mark.parametrize(("vehicles", "clones"), [(1, 0), (7, 0), (8, 1), (12, 1), (300, 4)])
def test_small_fleets_have_no_clones(vehicles, clones):
    fleet = make_fleet(vehicles, seed=1, city=MADRID)
    ids = {tracker.tracker_id for tracker in fleet.trackers}
    assert len(fleet.vehicles) == vehicles
    assert sum(tracker.clone for tracker in fleet.trackers) == clones
    assert len(ids) == len(fleet.trackers) == vehicles + clones
    assert not ids & set(fleet.foreign_ids)
