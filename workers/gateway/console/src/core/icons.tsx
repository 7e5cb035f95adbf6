// The icons: strokes of one weight on a grid of 24.
const strokes = {
  home: "M3 11.5 12 4l9 7.5M5.5 9.5V20h13V9.5M10 20v-6h4v6",
  building: "M5 21V4h9v17M14 9h5v12M3 21h18M8 8h3M8 12h3M8 16h3",
  inbox: "M4 13 6.5 5h11L20 13v6H4zM4 13h4.5l1.5 3h4l1.5-3H20",
  alert: "M12 4 2.5 20h19zM12 10v4.5M12 17.5v.1",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 21 21",
  pulse: "M3 12h4l3-7 4 14 3-7h4",
  card: "M3 6h18v12H3zM3 10.5h18M7 15h3",
  flag: "M6 21V4M6 5h11l-2.5 4L17 13H6",
  shield: "M12 3 5 6v5.5c0 4.3 2.9 7.6 7 9.5 4.1-1.9 7-5.2 7-9.5V6zM9 12l2.2 2.2L15.5 10",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.6-3.7 3-6 6.5-6s5.900 2.300 6.500 6M16 4.500a3.300 3.300 0 0 1 0 6.300M18 14.500c2 .8 3.200 2.700 3.500 5.500",
  key: "M14.500 13.500a5 5 0 1 0-4-4L3 17v4h4v-3h3v-3zM16.500 7.500v.1",
  gear: "M12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M18.400 5.600l-2.100 2.100M7.700 16.300l-2.100 2.100",
  chart: "M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2",
  check: "M5 12.500 10 17.500 19 7",
  cross: "M6 6l12 12M18 6 6 18",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.500 19 12 7 19.500z",
  dot: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  copy: "M8 8h12v12H8zM16 8V4H4v12h4",
  book: "M4 5c3-1 6-.5 8 1.500C14 4.500 17 4 20 5v14c-3-1-6-.5-8 1.500-2-2-5-2.500-8-1.500zM12 6.500V20",
  bolt: "M13 3 5 13.500h6L10 21l9-11.500h-6.500z",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  menu: "M4 7h16M4 12h16M4 17h16",
  out: "M14 4H5v16h9M10 12h11M17.500 8.500 21 12l-3.500 3.500",
  download: "M12 4v11M7.500 11 12 15.500 16.500 11M4 20h16",
  arrow: "M5 12h14M13 6l6 6-6 6",
  plus: "M12 5v14M5 12h14",
  refresh: "M20 12a8 8 0 1 1-2.500-5.800M20 4v4.500h-4.500",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3.500 9h17M3.500 15h17M12 3c-3.300 5-3.300 13 0 18M12 3c3.300 5 3.300 13 0 18",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  mail: "M3 6h18v12H3zM3 7l9 6.500L21 7",
} as const;
export type IconName = keyof typeof strokes;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={strokes[name]} />
    </svg>
  );
}
export function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent-strong)" />
      <path d="M8 11h16M16 11v12M11 17h10" stroke="#fff" stroke-width="3" stroke-linecap="round" fill="none" />
    </svg>
  );
}
