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
