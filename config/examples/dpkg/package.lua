-- What dpkg made of one package: {"status": "installed", "version": "2.36-9+deb12u14"}. Fold it over one package's
-- events: `evctl state libc6:amd64 --reducer package --at 2026-01-01`. `version` is there only while the package is
-- installed, and is then what `dpkg-query -W` prints; what else the log calls a version is on its way in or out.
return {
  events = { category = "package", type = "status" },
  initial = function() return { status = "unknown" } end,
  reduce = function(state, event)
    local data = event.data
    -- Triggers are run for packages that are installed all along.
    local installed = data.state == "installed" or data.state == "triggers-pending" or data.state == "triggers-awaited"
    return { status = data.state, version = installed and data.version or nil }
  end,
}
