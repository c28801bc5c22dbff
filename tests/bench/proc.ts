/**
 * What Linux says of a process.
 *
 * @module
 */

/** Clock ticks per second in /proc/PID/stat; the kernel's user interface fixes it at 100. */
const TICKS_PER_SECOND = 100;

/** CPU time that the process has used, user and system, all threads, in seconds (steps of 10 ms). */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from the third field, the state, on
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of the process in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(line?.[1] ?? 0) * 1024;
}

/** CPU time that all processes on all cores have used since the machine started, and what its host took from it, in seconds. */
export function allCpuSeconds(): number {
  const line = Deno.readTextFileSync("/proc/stat").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, _idle, _wait, interrupts = 0, soft = 0, steal = 0] = line.split(/\s+/).slice(1)
    .map(Number);
  return (user + nice + system + interrupts + soft + steal) / TICKS_PER_SECOND;
}
