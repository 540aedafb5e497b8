# Owns: the checklist with redis-rb.

require "redis"

PATH, SIZE = ARGV[0], ARGV[1].to_i
CATEGORY = "ruby"
ID = "20000000-0000-4000-8000-000000000001"
LARGE = %({"text":"#{"é" * 1000}"})
$stdout.sync = true

def claim(name, holds, detail = nil)
  puts(holds ? "ok #{name}" : "FAIL #{name}: #{detail.inspect[0, 200]}")
end

def ask(words)
  puts words
  $stdin.gets
end

def append(aggregate, data = "{}", *options)
  ["EV.APPEND", CATEGORY, aggregate, "happened", data, *options]
end

def refusal
  "no error but #{yield.inspect}"
rescue Redis::CommandError => e
  e.message
end

client = Redis.new(path: PATH, timeout: 60)
claim "connects", client.ping == "PONG" && client.call("CLIENT", "SETNAME", "ruby") == "OK"

first = client.call(*append("a", LARGE))
event = Hash[*client.call("EV.GET", first)]
claim "appends", event["event_id"] == first && event["data"].dup.force_encoding("UTF-8") == LARGE, event

said = refusal { client.call(*append("a", "nonsense")) }
claim "is told what is wrong", said.start_with?("INVALID") && client.ping, said

ids = 2.times.map { client.call(*append("a", "{}", "ID", ID)) }
claim "retries with an ID", ids == [first + 1] * 2, ids

ids = client.pipelined { |pipe| SIZE.times { pipe.call(*append("many")) } }
claim "writes a pipeline at once", ids == (ids[0]...ids[0] + SIZE).to_a, ids[0, 3]

events = client.pipelined { |pipe| (SIZE / 10).times { pipe.call("EV.GET", first) } }
claim "reads a pipeline", events.size == SIZE / 10 && events.all? { |one| one == events[0] }

condition = ["UNLESS", "CATEGORY", CATEGORY, "AGGREGATE", "t", "AFTER", "0"]
transaction = lambda do
  client.multi do |multi|
    2.times { multi.call(*append("t")) }
    multi.call(*append("t", "{}", *condition))
  end
end
ids = transaction.call
claim "wins a transaction", ids == (ids[0]...ids[0] + 3).to_a, ids
said = refusal { transaction.call }
count = client.call("EV.COUNT", "CATEGORY", CATEGORY, "AGGREGATE", "t")
claim "loses a transaction", said.start_with?("CONFLICT #{ids[2]} ") && count == 3, [said, count]

nothing = client.call("EV.READ", "AFTER", "$", "BLOCK", "50")
ask "append #{CATEGORY}-elsewhere"
found = client.call("EV.READ", "CATEGORY", "#{CATEGORY}-elsewhere", "BLOCK", "30000")
claim "waits in a read", nothing.nil? && Hash[*found[0]]["data"] == '{"by":"else"}', [nothing, found]

puts "no is pushed events: it speaks RESP2"

ask "restart"
# What was in flight when the connection ended is sent again.
retried = begin
  client.call(*append("a", "{}", "ID", ID))
rescue Redis::BaseConnectionError
  client.call(*append("a", "{}", "ID", ID))
end
claim "goes on after a restart", retried == first + 1 && client.ping, retried
