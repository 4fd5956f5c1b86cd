"""How fast fleetlab is, against what analysts write today and against a bare parse."""
